"""One file, link or folder with everything about it: owner, mode, times, extended attributes (so ACLs too).

A copy is private until it is complete, since configuration holds secrets. Standard library only: what goes
back when nothing else works may import this.
"""

import base64
import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

BLOCK_BYTES = 1 << 20
PRIVATE = 0o600


def digest(path: Path) -> str:
    """Return what tells a file, link or folder from any other: content, owner, mode, attributes."""
    about = path.lstat()
    found = hashlib.sha256(f"{about.st_mode}/{about.st_uid}/{about.st_gid}/".encode())
    for name, value in sorted(_attributes(path).items()):
        found.update(f"{name}={value}/".encode())
    if stat.S_ISLNK(about.st_mode):
        found.update(os.fsencode(path.readlink()))
    elif stat.S_ISREG(about.st_mode):
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                found.update(block)
    return found.hexdigest()


def copy(source: Path, target: Path) -> None:
    """Make ``target`` a durable copy of a file or link; what stood there is replaced."""
    target.unlink(missing_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
    else:
        _copy_content(source, target)
    describe(target, facts(source))
    about = source.lstat()
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns), follow_symlinks=False)


def facts(path: Path) -> dict[str, Any]:
    """Return owner, mode and attributes, as JSON can hold them."""
    about = path.lstat()
    mode = stat.S_IMODE(about.st_mode)
    return {"mode": mode, "uid": about.st_uid, "gid": about.st_gid, "attributes": _attributes(path)}


def describe(path: Path, wanted: dict[str, Any]) -> None:
    """Give a path the owner, mode and attributes that ``facts`` returned."""
    os.chown(path, wanted["uid"], wanted["gid"], follow_symlinks=False)
    if not path.is_symlink():  # a link's own mode means nothing, and a new owner clears the set-user-id bit
        path.chmod(wanted["mode"])
    for name in _attributes(path).keys() - wanted["attributes"].keys():
        with contextlib.suppress(OSError):
            os.removexattr(path, name, follow_symlinks=False)
    for name, value in wanted["attributes"].items():
        # security labels need powers that the agent has given up; a way back must not fail for one
        with contextlib.suppress(OSError):
            os.setxattr(path, name, base64.b64decode(value), follow_symlinks=False)


def _attributes(path: Path) -> dict[str, str]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
        found = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    except OSError:  # a file system without them
        return {}
    return {name: base64.b64encode(value).decode() for name, value in found.items()}


def _copy_content(source: Path, target: Path) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    with source.open("rb") as reader, os.fdopen(handle, "wb") as writer:
        while block := reader.read(BLOCK_BYTES):
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
