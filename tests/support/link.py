"""A long thin line between two network namespaces: delay, loss, a limit of speed, and somebody who cuts it.

The packets go through two TUN devices and this program, since not every kernel has ``netem``. Run as a
module, it forwards until it is ended; whoever needs a line calls ``joined``.
"""

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.host import eventually

DEVICE = "line0"
FAR, NEAR = "10.78.0.1", "10.78.0.2"
"""Where servers are, and where the host is."""
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
MOST_WAITING_S = 0.5
"""How much a queue holds, in seconds of the line: what comes beyond that is dropped, as a router does."""


@dataclass(frozen=True)
class Weather:
    """What a line is like, the same in both directions."""

    delay_s: float
    loss: float
    """Share of the packets that never arrive."""
    bytes_per_s: float


@dataclass(frozen=True)
class Line:
    """A running line, and the namespaces at its ends."""

    far: int
    near: int
    """Processes that hold the namespaces."""
    scissors: Path

    def cut(self, at_bytes: int) -> None:
        """Let nothing through any more as soon as the near end has received so much in all."""
        self.scissors.write_text(str(at_bytes))

    def mend(self) -> None:
        """Let everything through again."""
        self.scissors.unlink(missing_ok=True)

    @property
    def came_bytes(self) -> int:
        """What the near end has received, headers and all."""
        shown = subprocess.run(
            [*inside(self.near), "cat", f"/sys/class/net/{DEVICE}/statistics/rx_bytes"],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(shown.stdout)


def inside(pid: int) -> list[str]:
    """Return how a command line begins that runs in the network of a process."""
    enter = ["nsenter", f"--net=/proc/{pid}/ns/net", "unshare", "--mount", "sh", "-c"]
    return [*enter, 'mount -t sysfs none /sys && exec "$@"', "sh"]


@contextmanager
def joined(folder: Path, weather: Weather) -> Iterator[Line]:
    """Join two new networks by a line until the block ends; skips the test where that cannot be done."""
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists() or not shutil.which("nsenter"):
        pytest.skip("a network of its own needs root and /dev/net/tun")
    with ExitStack() as stack:
        far, near = (stack.enter_context(_network()) for _ in range(2))
        line = Line(far, near, folder / "cut")
        numbers = (weather.delay_s, weather.loss, weather.bytes_per_s)
        words = [str(part) for part in (far, near, line.scissors, *numbers)]
        stack.enter_context(_process([sys.executable, "-m", "tests.support.link", *words]))
        for pid, address in ((far, FAR), (near, NEAR)):
            eventually(lambda pid=pid: _ip(pid, "link", "set", DEVICE, "up"))  # type: ignore[misc]
            assert _ip(pid, "addr", "add", f"{address}/24", "dev", DEVICE)
            assert _ip(pid, "link", "set", "lo", "up")
        yield line


def _ip(pid: int, *words: str) -> bool:
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", "ip", *words]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def _network() -> Iterator[int]:
    """Give a process that holds a network of its own."""
    mine = Path("/proc/self/ns/net").readlink()
    with _process(["unshare", "--net", "sleep", "infinity"]) as pid:
        eventually(lambda: Path(f"/proc/{pid}/ns/net").readlink() != mine)
        yield pid


@contextmanager
def _process(command: list[str]) -> Iterator[int]:
    started = subprocess.Popen(command)
    try:
        yield started.pid
    finally:
        started.kill()
        started.wait()


def _device(pid: int) -> int:
    """Return a TUN device in the network of a process."""
    setns = ctypes.CDLL(None, use_errno=True).setns
    handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    assert setns(handle, CLONE_NEWNET) == 0
    os.close(handle)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    return device


def forward(ends: tuple[int, int], scissors: Path, weather: Weather) -> None:
    """Carry packets from each end to the other, for ever."""
    under_way: list[tuple[float, int, int, bytes]] = []
    free_s = dict.fromkeys(ends, 0.0)
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    count, came_bytes = 0, 0
    while True:
        wait_s = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for end in select.select(ends, [], [], wait_s)[0]:
            packet = os.read(end, 65_536)
            now = time.monotonic()
            late = free_s[end] - now > MOST_WAITING_S
            if late or random.random() < weather.loss or _is_cut(scissors, came_bytes):
                continue
            free_s[end] = max(now, free_s[end]) + len(packet) / weather.bytes_per_s
            count += 1
            heapq.heappush(under_way, (free_s[end] + weather.delay_s, count, other[end], packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(under_way)
            if not _is_cut(scissors, came_bytes):
                with contextlib.suppress(OSError):  # an end that is not up yet
                    os.write(end, packet)
                    came_bytes += len(packet) if end == ends[1] else 0


def _is_cut(scissors: Path, came_bytes: int) -> bool:
    """Whether the near end has received what it may; a number that is just being written cuts nothing."""
    try:
        return came_bytes >= int(scissors.read_text())
    except (FileNotFoundError, ValueError):
        return False


if __name__ == "__main__":
    FAR_PID, NEAR_PID, SCISSORS, *NUMBERS = sys.argv[1:]
    ENDS = (_device(int(FAR_PID)), _device(int(NEAR_PID)))
    forward(ENDS, Path(SCISSORS), Weather(*map(float, NUMBERS)))
