"""One command at a time on a host: the lock, and who holds it.

The state folder itself is locked, since nobody can delete it and go on; ``lock`` in it says who holds it.
Standard library only: the supervisor and the guard import this.
"""

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from agent import files, plain, processes
from agent.processes import Process
from metadata.errors import ConflictError, UnsuitableError

NOTE = "lock"
SUPERVISOR = "supervisor.lock"
"""What the resident process holds for as long as it lives."""


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the lock of a host.

    Raises:
        ConflictError: Somebody else holds it.
        UnsuitableError: The state folder cannot be used.
    """
    handle = -1
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        note(state)
    except BlockingIOError as error:
        os.close(handle)
        raise ConflictError("another tidegate-agent is at work on this host", "wait for it to end") from error
    except OSError as error:
        if handle >= 0:
            os.close(handle)
        raise unusable(state, error) from error
    try:
        yield
    finally:
        os.close(handle)


def unusable(state: Path, error: OSError) -> UnsuitableError:
    """Return the error of a state folder that cannot be used."""
    return UnsuitableError(f"{state} cannot be used: {error.strerror}", files.mend(error))


def note(state: Path) -> None:
    """Say who holds the lock; of no use after a power cut, so nothing waits for the disk."""
    data = json.dumps(processes.myself()._asdict()).encode()
    try:
        handle = os.open(state / NOTE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return  # the first thing that must be written says so
    try:
        with contextlib.suppress(OSError):  # a full disk keeps nobody from looking
            os.write(handle, data)
    finally:
        os.close(handle)


def holder(state: Path) -> Process | None:
    """Return the process that holds the lock, or that held it last if it still lives."""
    try:
        noted = Process(**plain.table((state / NOTE).read_bytes(), {"pid": int, "born": str}))
    except (OSError, ValueError, TypeError):
        return None
    return noted if noted.alive() else None


def is_mine(state: Path) -> bool:
    """Return whether the note says that this process holds the lock; nobody removes it by right."""
    return holder(state) == processes.myself()


def is_kept(path: Path) -> bool:
    """Return whether a file is there and somebody holds its lock."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
