"""File-system calls as strace tells them, and the options that spoil one of them."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

CHANGING = (
    *("openat", "write", "pwrite64", "writev", "sendfile", "copy_file_range", "ftruncate", "fallocate"),
    *("fsync", "fdatasync", "syncfs", "rename", "renameat", "renameat2", "link", "linkat", "symlink"),
    *("symlinkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "chmod", "fchmod", "fchmodat"),
    *("chown", "fchown", "lchown", "fchownat", "utimensat", "setxattr", "lsetxattr", "fsetxattr"),
)
"""Every call by which a disk changes, or by which a change is made to last."""
CREATES = re.compile(r"O_CREAT|O_TRUNC|O_TMPFILE")
OPEN = "openat"
FAILED = " = -1 "
LINE = re.compile(r"(\w+)\(")
TRACE = ["-e", f"trace={','.join(CHANGING)}", "-e", "signal=none", "-y"]


@dataclass(frozen=True)
class Call:
    """One call: the ``nth`` of its name, and what it was."""

    name: str
    nth: int
    text: str
    stop: int
    """After how many stops of ``stopping`` it has been made."""


def changes_of(recording: str, folder: Path) -> list[Call]:
    """Return the calls of a recording that change something below ``folder``, in their order."""
    counts: Counter[str] = Counter()
    found: list[Call] = []
    for line in recording.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        name = match[1]
        counts[name] += 1
        changes = FAILED not in line and (name != OPEN or CREATES.search(line))
        if changes and str(folder) in line:
            stop = counts.total() - counts[OPEN]
            found.append(Call(name, counts[name], line.replace(str(folder), ""), stop))
    return found


def recording(file: Path) -> list[str]:
    """Return the options that record every call to a file."""
    return [*TRACE, "-o", str(file)]


def spoiling(call: Call, action: str) -> list[str]:
    """Return the options that do something to one call: ``signal=KILL`` or ``error=ENOSPC``."""
    return [
        "-e",
        f"trace={call.name}",
        "-e",
        f"inject={call.name}:{action}:when={call.nth}",
        "-o",
        "/dev/null",
    ]


def stopping() -> list[str]:
    """Return the options that stop the process after each call; opening a file reaches no disk by itself."""
    names = ",".join(name for name in CHANGING if name != OPEN)
    return ["-e", f"trace={names}", "-e", f"inject={names}:signal=STOP", "-o", "/dev/null"]
