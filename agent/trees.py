"""Whole folders: make them durable, remove them."""

import os
import shutil
from pathlib import Path


def sync_tree(folder: Path) -> None:
    """Make everything written below ``folder`` survive a power cut, in one call for its file system."""
    import ctypes  # noqa: PLC0415 (an idle tick writes no folders)

    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        aside = path.with_name(f".{path.name}.old")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)  # a folder that is half gone must never stand under its own name
        shutil.rmtree(aside)
    else:
        path.unlink(missing_ok=True)
