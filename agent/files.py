"""The one way to write a file, to swap a link and to turn a foreign name into a path.

The supervisor imports this: nothing beyond ``os`` and ``pathlib``.
"""

import errno
import os
from pathlib import Path

from metadata.errors import MalformedError
from metadata.paths import safe_path

MENDS = {
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EIO: "look after that disk: dmesg says what it reports",
    errno.EROFS: "make that file system writable; the packaged unit needs ReadWritePaths= for it",
    errno.EACCES: "run this as the agent's user, or correct the permissions",
    errno.EPERM: "run this as the agent's user, or correct the permissions",
    errno.ENOTDIR: "a file stands where a folder should: move it away, or correct the path in the settings",
}
"""What an operator does about an error of a disk."""


def told(error: OSError) -> str:
    """Return in words what was refused: where, and why."""
    where = f"{error.filename}: " if error.filename and error.strerror else ""
    return f"{where}{error.strerror or error}"


def mend(error: OSError) -> str:
    """Return what an operator does about it."""
    return MENDS.get(error.errno or 0, "check disk and permissions")


def write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put ``data`` at ``path`` so that a reader, or a power cut, finds the old content or the new.

    One process at a time writes a file; what a dead one left is overwritten by the next.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def point(link: Path, target: str) -> None:
    """Make ``link`` point at ``target`` by one rename."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    try:
        fresh.replace(link)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(link.parent)


def is_read_only(folder: Path) -> bool:
    """Return whether a folder lies on a file system that is mounted for reading only."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def inside(root: Path, name: str) -> Path:
    """Return the path below ``root`` that a foreign name stands for.

    Raises:
        MalformedError: The name would leave ``root``.
    """
    try:
        return root / safe_path(name)
    except ValueError as error:
        raise MalformedError(str(error)) from error
