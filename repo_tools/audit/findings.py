"""What an audit reports."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Level = Literal["error", "warning", "note"]
"""What breaks trust, what somebody should look at, and what only explains itself."""
_RANKS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold, or that somebody should look at."""

    level: Level
    rule: str
    role: str
    version: int
    text: str
    at: datetime | None = None
    """When it became public, by the signed issue time."""


def once(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings without those that only repeat another, errors first, notes last, then by time."""
    first: dict[tuple[str, str, int, str], Finding] = {}
    for found in findings:
        first.setdefault((found.rule, found.role, found.version, found.text), found)
    return sorted(first.values(), key=_rank)


def _rank(found: Finding) -> tuple[int, float]:
    return _RANKS.index(found.level), found.at.timestamp() if found.at else math.inf
