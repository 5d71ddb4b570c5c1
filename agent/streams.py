"""The streams that the program is given, made fit for use: some are closed, some know few letters.

Standard library only, and little of it: the supervisor's program imports this.
"""

import io
import os
import sys

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


def unread() -> int:
    """Return the exit code for a result that nobody reads any more, and write nothing else to it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE
