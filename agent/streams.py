"""The streams that the program is given, made fit for use: some are closed, some know few letters.

Standard library only, and little of it: the supervisor's program imports this.
"""

import io
import os
import sys


def settle() -> None:
    """Let closed streams lead nowhere, and write ``?`` for letters that the output does not have."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(nowhere, True)  # as the children's, too
            setattr(sys, name, os.fdopen(nowhere, mode))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
