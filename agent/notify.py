"""What the supervisor tells systemd: ready, what it does, that it lives, that it ends. As sd_notify(3).

Standard library only: the supervisor imports this. Without systemd, nobody is told and nothing fails.
"""

import contextlib
import math
import os
import socket
import time
from collections.abc import Mapping, MutableMapping

NAMES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
MAX_STATUS = 400
"""Characters of a status: one line of ``systemctl status``."""


class Notifier:
    """The line to systemd; what is started later must not speak over it, so it leaves the environment."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._taken = {name: environment[name] for name in NAMES if name in environment}
        address = environment.pop("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        limit_us = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every_s = int(limit_us) / 2_000_000 if meant and limit_us else math.inf
        self.next_at = 0.0 if meant and limit_us else math.inf
        """When the next sign of life is due, by the monotonic clock."""

    def environment(self, others: Mapping[str, str]) -> dict[str, str]:
        """Return an environment for whoever speaks to systemd from now on as the same process."""
        return {**others, **self._taken}

    def tell(self, text: str) -> None:
        """Send one message."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, contextlib.suppress(OSError):
            line.setblocking(False)  # systemd may be busy; the supervisor never waits for it
            line.sendto(text.encode(errors="replace"), self._address)

    def status(self, text: str) -> None:
        """Say in one line what is going on."""
        self.tell(f"STATUS={' '.join(text.split())[:MAX_STATUS]}")

    def alive(self) -> None:
        """Give a sign of life, if one is due."""
        now = time.monotonic()
        if now >= self.next_at:
            self.tell("WATCHDOG=1")
            self.next_at = now + self._every_s
