"""The streams that the program is given: closed ones, full disks, pipes that nobody reads, narrow encodings.

What becomes of the output changes nothing of what was done, and is never called a bug.
"""

import io
import os
import sys
from contextlib import suppress

from metadata.errors import UnsuitableError

BROKEN_PIPE = 141
"""128 + SIGPIPE, as shells count."""


class UnreadError(Exception):
    """Nobody reads the result any more; what was done is done."""


def settle() -> None:
    """Let closed streams lead nowhere, and write ``?`` for letters that the output does not have."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(nowhere, True)  # as the children's, too
            setattr(sys, name, os.fdopen(nowhere, mode))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def show(text: str) -> None:
    """Write a part of the result.

    Raises:
        UnreadError: Nobody reads it.
        UnsuitableError: It cannot be written.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as pipe:
        raise UnreadError from pipe
    except OSError as problem:
        told = f"the result cannot be written: {problem.strerror}"
        raise UnsuitableError(told, "what was done is done; see where the output goes") from problem


def tell(text: str) -> None:
    """Write a line beside the result; a log on a full disk keeps nobody from the work."""
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def unread() -> int:
    """Return the exit code for a result that nobody reads any more, and write nothing else to it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE
