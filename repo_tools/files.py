"""The one way in which this side writes a file: whole or not at all, and still there after a power cut.

A file is written under another name in the same folder, flushed to disk, and only then given its name;
then the folder is flushed. ``create`` gives the name only if nobody has it (``link`` fails then).
"""

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from metadata.errors import UnreachableError, UsageError

CHUNK_BYTES = 1 << 20
_ENTERED = 0o755
"""What a web server needs of the folders that it serves."""

_MENDS = {
    errno.ENOSPC: "make room there, and do it again",
    errno.EDQUOT: "make room there, or raise the quota, and do it again",
    errno.EIO: "look after that disk: dmesg says what it reports",
    errno.EROFS: "make that file system writable, and do it again",
    errno.EACCES: "run this as the user whose files these are, or correct the permissions",
}
"""What a person does about a disk that refuses."""

OnBytes = Callable[[int], None]
"""Told how many bytes were handled just now; for progress bars."""


def silent(_count: int) -> None:
    """Show no progress."""


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file, replacing what was there."""
    with _finished(path, [data], mode) as ready:
        ready.replace(path)


def create(path: Path, chunks: Iterable[bytes], mode: int = 0o644) -> None:
    """Write a file that must not exist.

    Raises:
        FileExistsError: The name is taken; the file there is untouched.
    """
    with _finished(path, chunks, mode) as ready:
        os.link(ready, path)


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Tell what a disk refuses in words: it is no bug.

    Args:
        folder: Where files are written; a write that fails does not know what it wrote to.

    Raises:
        UnreachableError: It says where, and why.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _MENDS:
            raise
        where = error.filename2 or error.filename or folder.absolute()
        raise UnreachableError(f"{where} cannot be used: {error.strerror}", _MENDS[error.errno]) from error


def refuse_unusable(folder: Path, what: str) -> None:
    """Refuse a folder that is not there and cannot be made, or that nothing can be written to.

    Raises:
        UsageError: It says why.
    """
    here = folder.absolute()
    try:
        nearest = next(one for one in (here, *here.parents) if one.exists())
    except OSError as error:
        raise UsageError(
            f"{what} {folder} cannot be made: {error.strerror}", "choose another folder"
        ) from error
    if not nearest.is_dir():
        raise UsageError(f"{what} {folder} cannot be made: {nearest} is no folder", "choose another folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UsageError(
            f"{what} {folder} cannot be written: {nearest} does not allow it", "choose another folder"
        )


def open_folder(folder: Path) -> None:
    """Make a folder that everybody may enter, whatever the umask; one that is there stays as it is."""
    if folder.is_dir():
        return
    open_folder(folder.parent)
    with suppress(FileExistsError):  # somebody was faster
        folder.mkdir()
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | _ENTERED)  # a group keeps what the umask gave it


def chunks_of(path: Path, on_bytes: OnBytes = silent) -> Iterator[bytes]:
    """Yield a file's content."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            on_bytes(len(chunk))
            yield chunk


@contextmanager
def _finished(path: Path, chunks: Iterable[bytes], mode: int) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    ready = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        yield ready
    finally:
        ready.unlink(missing_ok=True)
    flush(path.parent)


def flush(path: Path) -> None:
    """Have a file, or a folder's names, on disk: a power cut forgets what is not."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
