"""What an audit reports."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Level = Literal["error", "warning"]


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
    """Return findings without those that only repeat another, errors first, then by time."""
    first: dict[tuple[str, str, int, str], Finding] = {}
    for found in findings:
        first.setdefault((found.rule, found.role, found.version, found.text), found)
    return sorted(first.values(), key=lambda found: (found.level, found.at is None, found.at or 0))
