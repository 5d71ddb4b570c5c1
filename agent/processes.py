"""Processes by number and birth: a number alone may belong to another by now.

Standard library only: the supervisor and the guard import this.
"""

import contextlib
import os
import signal
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

VANISH_S = 5
"""How long a process may take to vanish after SIGKILL."""


class Process(NamedTuple):
    """One process, and no later one of the same number."""

    pid: int
    born: str
    """The boot, and the kernel's start time in it."""

    def alive(self) -> bool:
        """Return whether it still works; one that has ended and waits to be reaped does not."""
        return bool(self.pid) and born(self.pid) == self.born and _field(self.pid, 0) != "Z"

    def leads_session(self) -> bool:
        """Return whether its session is its own."""
        return _field(self.pid, 3) == str(self.pid)

    def age_s(self) -> float:
        """Return for how long it has lived, by the kernel's clock."""
        ticks = float(_field(self.pid, 19) or 0)
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")

    def words(self) -> str:
        """Return its command line."""
        try:
            found = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return found.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")

    def signal(self, number: int) -> None:
        """Send a signal to it and to the group that it leads."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive():
                leads = os.getpgid(self.pid) == self.pid
                (os.killpg if leads else os.kill)(self.pid, number)

    def end(self) -> bool:
        """Kill it, and return whether it has vanished."""
        self.signal(signal.SIGKILL)
        limit = time.monotonic() + VANISH_S
        while self.alive() and time.monotonic() < limit:
            time.sleep(0.02)
        return not self.alive()


def myself() -> Process:
    """Return the process that asks."""
    return Process(os.getpid(), born(os.getpid()))


def marked(mark: str) -> Process | None:
    """Return the oldest process that leads a session and has ``NAME=value`` in its environment."""
    leaders = [one for one in carrying(mark) if one.leads_session()]
    return max(leaders, key=Process.age_s, default=None)


def carrying(mark: str) -> list[Process]:
    """Return the processes that have ``NAME=value`` in the environment that they were started with."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            if os.fsencode(mark) in (place / "environ").read_bytes().split(b"\0"):
                found.append(Process(int(place.name), born(int(place.name))))
    return [one for one in found if one.alive()]


def naming_themselves(mark: str) -> list[Process]:
    """Return the leaders of sessions that have a mark in their environment, and after it their own number."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            pid, words = int(place.name), (place / "environ").read_bytes().split(b"\0")
            if os.fsencode(f"{mark}{pid}") in words and os.getsid(pid) == pid:
                found.append(Process(pid, born(pid)))
    return found


def born(pid: int) -> str:
    """Return what tells a process from every other of its number; empty when there is none."""
    started = _field(pid, 19)
    return f"{boot_id()}/{started}" if started else ""


def _field(pid: int, number: int) -> str:
    """Return a field of ``/proc/PID/stat``, counted from the one after the program's name."""
    try:
        said = Path(f"/proc/{pid}/stat").read_bytes()  # a program's name may be any bytes
        return said.rpartition(b")")[2].split()[number].decode()
    except OSError:
        return ""


@cache
def boot_id() -> str:
    """Return what tells this boot from every other; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
