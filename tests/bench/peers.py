"""How others widen a rollout and stop it, as they are documented, over a fleet of expected numbers.

The doubt is in their favour:

- hawkBit: ten groups of a tenth, the next when half of a group is done, a halt when more than half of it
  failed, which are its defaults.
- Bottlerocket: its default waves, 1 % in the first hour to all in six days, and a person, day and night, who
  halts an hour after the tenth failure.
- Ubuntu: a tenth more every six hours, unless the failures of the hours before are above the background,
  which is always seen.
"""

from collections.abc import Callable
from dataclasses import dataclass

BACKGROUND = 0.002
"""Hosts that fail whatever is released."""
POLL_MIN, TRIAL_MIN = 15, 12


@dataclass
class Fleetwide:
    """A fleet of which only the expected numbers are known, minute by minute."""

    hosts: int
    rate: float
    offered: float = 0.0
    started: float = 0.0
    done: float = 0.0
    failed: float = 0.0

    def __post_init__(self) -> None:
        self._polls: list[float] = []
        self._trials: list[float] = []

    def pass_minute(self, offered: float) -> None:
        """Offer the release to so many hosts in all, and let a minute go by."""
        self._polls.append(max(0.0, offered - self.offered))
        self.offered = max(self.offered, offered)
        begun = sum(self._polls[-POLL_MIN:]) / POLL_MIN
        self.started += begun
        self._trials.append(begun)
        ended = sum(self._trials[-TRIAL_MIN:]) / TRIAL_MIN
        self.done += ended
        self.failed += ended * self.rate


Offer = Callable[[int, Fleetwide], float | None]
"""Hosts that are offered the release at a minute; None halts it."""


def hawkbit(_minute: int, fleet: Fleetwide) -> float | None:
    """Return the groups so far: one more when half of the last is done; a halt when more than half failed."""
    group = fleet.hosts / 10
    begun = max(1, round(fleet.offered / group))
    inside = fleet.done - (begun - 1) * group
    if fleet.failed - (begun - 1) * group * fleet.rate > group / 2:
        return None
    return min(fleet.hosts, (begun + (inside >= group / 2)) * group)


class Bottlerocket:
    """Waves by the clock, and a person."""

    WAVES = ((0, 0), (1, 1), (4, 5), (24, 15), (48, 40), (96, 60), (120, 90), (144, 100))
    NOTICED = 10
    REACTS_MIN = 60

    def __init__(self) -> None:
        self._seen_at: int | None = None

    def __call__(self, minute: int, fleet: Fleetwide) -> float | None:
        """Return the share by the clock, until the person has reacted."""
        if fleet.failed >= self.NOTICED + fleet.done * BACKGROUND and self._seen_at is None:
            self._seen_at = minute
        if self._seen_at is not None and minute >= self._seen_at + self.REACTS_MIN:
            return None
        hour = minute / 60
        for (from_h, low), (to_h, high) in zip(self.WAVES, self.WAVES[1:], strict=False):
            if hour < to_h:
                return fleet.hosts * (low + (high - low) * (hour - from_h) / (to_h - from_h)) / 100
        return float(fleet.hosts)


def ubuntu(minute: int, fleet: Fleetwide) -> float | None:
    """Return a tenth more for every six hours, as long as no more fail than always."""
    step, into = divmod(minute, 360)
    if into == 0 and step and fleet.failed > fleet.done * BACKGROUND * 1.5:
        return None
    return min(fleet.hosts, (step + 1) * fleet.hosts / 10)
