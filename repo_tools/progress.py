"""Progress for programs: lines of JSON on a descriptor, a few in each second."""

import json
import os
import time
from contextlib import suppress

STEP_S = 0.2


class Steps:
    """How far one thing is.

    Args:
        descriptor: Where lines like ``{"what": "publishing", "done": 4096, "total": 8192}`` go.
        what: What goes on, in a word.
        total: Where it ends; None where nobody knows.
    """

    def __init__(self, descriptor: int, what: str, total: int | None) -> None:
        self._descriptor, self._what, self._total = descriptor, what, total
        self._done, self._next = 0, 0.0

    def forward(self, count: int) -> None:
        """Note that so much more is done."""
        self._done += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + STEP_S
            self.tell()

    def tell(self) -> None:
        """Write how far it is."""
        line = json.dumps({"what": self._what, "done": self._done, "total": self._total})
        with suppress(OSError):  # nobody reads any more, which stops no work
            os.write(self._descriptor, f"{line}\n".encode())
