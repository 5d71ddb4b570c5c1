"""Ticks of one host, each forked from a process that has loaded the agent: loading is most of a tick."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.host import Host

FORKING = """
import os, sys
from agent import unattended
from agent.__main__ import run
for _ in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(run(["--config", sys.argv[1], "tick"]))
    _, status, used = os.wait4(pid, 0)
    print(os.waitstatus_to_exitcode(status), used.ru_maxrss << 10, flush=True)
"""


@dataclass(frozen=True)
class Ticked:
    """How a tick ended."""

    exit_code: int
    peak_bytes: int
    """The most memory that it had."""


class Ticks:
    """Runs ticks of a host by its real command line."""

    def __init__(self, forking: subprocess.Popen[str]) -> None:
        self._forking = forking

    def tick(self) -> Ticked:
        """Run one and return how it ended."""
        assert self._forking.stdin is not None
        assert self._forking.stdout is not None
        self._forking.stdin.write("\n")
        self._forking.stdin.flush()
        code, peak_bytes = self._forking.stdout.readline().split()
        return Ticked(int(code), int(peak_bytes))


@contextmanager
def ticking(host: Host) -> Iterator[Ticks]:
    """Give ticks of a host until the block ends."""
    command = [sys.executable, "-c", FORKING, str(host.settings)]
    with subprocess.Popen(
        command,
        env=host.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as forking:
        yield Ticks(forking)
        assert forking.stdin is not None
        forking.stdin.close()
