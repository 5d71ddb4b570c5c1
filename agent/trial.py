"""The judgement of a trial, pure: observations and awake seconds go in, a verdict comes out.

Won when every entry begins to hold within ``start_s`` and then holds for ``trial_s`` in a row. A break
after ``start_s`` cannot be made good any more, so flapping loses; three restarts lose at once.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

MAX_RESTARTS = 3
"""Fleet gives a broken build three tries; systemd's default start limit is five in ten seconds."""

Verdict = Literal["won", "lost"]


class Trial(msgspec.Struct):
    """One trial, in seconds since the switch."""

    start_s: float
    trial_s: float
    began: dict[str, float | None] = msgspec.field(default_factory=dict)
    """Since when each entry holds; None while it does not."""
    last_failure: str = "nothing was observed"
    restarts: int = 0

    @classmethod
    def of(cls, entries: Iterable[str], start_s: float, trial_s: float) -> "Trial":
        """Return a trial in which nothing holds yet."""
        return cls(start_s, trial_s, dict.fromkeys(entries))

    def observe(self, entry: str, at_s: float, ok: bool, text: str) -> None:
        """Note what an entry said at a moment."""
        if not ok:
            self.began[entry] = None
            self.last_failure = text
        elif self.began[entry] is None:
            self.began[entry] = at_s

    def observe_restarts(self, entry: str, at_s: float, restarts: int) -> None:
        """Note how often the service was restarted since the switch; each restart begins its run anew."""
        if restarts > self.restarts:
            self.restarts = restarts
            self.last_failure = f"the service was restarted {restarts} times"
            self.began[entry] = at_s if self.began[entry] is not None else None

    @property
    def holds(self) -> bool:
        """Whether everything holds at this moment."""
        return all(start is not None for start in self.began.values())

    def verdict(self, at_s: float) -> Verdict | None:
        """Return the verdict, or None while it is open."""
        if self.restarts >= MAX_RESTARTS:
            return "lost"
        starts = list(self.began.values())
        if any(start is None or start > self.start_s for start in starts):
            return "lost" if at_s > self.start_s else None
        held = all(start is not None and at_s - start >= self.trial_s for start in starts)
        return "won" if held else None
