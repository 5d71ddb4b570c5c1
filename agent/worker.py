"""The tick as a process: started, or found at work by a new supervisor, and ended.

Standard library only: the supervisor imports this.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from agent import locking, processes
from agent.processes import Process


class Worker:
    """One tick."""

    def __init__(self, process: Process, started: subprocess.Popen[bytes] | None = None) -> None:
        self._process = process
        self._started = started

    @property
    def silent(self) -> bool:
        """Whether no signal tells when it ends, since somebody else has started it."""
        return self._started is None

    def status(self) -> int | None:
        """Return how it ended, or None while it works; of one that was found at work nobody knows better."""
        if self._started is not None:
            return self._started.poll()
        with contextlib.suppress(ChildProcessError):  # ours, from before this process became another version
            os.waitpid(self._process.pid, os.WNOHANG)
        return None if self._process.alive() else 0

    def end(self) -> None:
        """Kill it, and everything in its group."""
        self._process.signal(signal.SIGKILL)
        if self._started is not None:
            self._started.wait()
        else:
            self._process.end()


def start(command: list[str]) -> Worker:
    """Start a tick."""
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    return Worker(Process(started.pid, processes.born(started.pid)), started)


def at_work(state: Path) -> Worker | None:
    """Return the tick that another supervisor left at work, or this one before it was renewed."""
    holder = locking.holder(state)
    if holder is None:
        return None
    try:
        words = Path(f"/proc/{holder.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return None
    return Worker(holder) if words[-1] == b"tick" else None
