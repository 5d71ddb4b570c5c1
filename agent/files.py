"""The one way to write a file, to swap a link and to turn a foreign name into a path."""

import ctypes
import os
import shutil
import tempfile
from pathlib import Path

from metadata.errors import MalformedError
from metadata.paths import safe_path


def write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put ``data`` at ``path`` so that a reader, or a power cut, finds the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def point(link: Path, target: str) -> None:
    """Make ``link`` point at ``target`` by one rename."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
    sync_folder(link.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Make everything written below ``folder`` survive a power cut, in one call for its file system."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
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


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        aside = path.with_name(f".{path.name}.old")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)  # a folder that is half gone must never stand under its own name
        shutil.rmtree(aside)
    else:
        path.unlink(missing_ok=True)
