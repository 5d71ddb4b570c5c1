"""What an audit reports."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import msgspec

from metadata.errors import MalformedError

Level = Literal["error", "warning", "note"]
"""What breaks trust, what somebody should look at, and what only explains itself."""
_RANKS: tuple[Level, ...] = ("error", "warning", "note")


_Key = tuple[str, str, int, str]
"""Rule, role, version and text: what makes two findings the same."""
_KNOWN = "known: "


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


class _Told(msgspec.Struct, frozen=True):
    """A finding in an earlier answer; what else stands there is not asked for."""

    rule: str
    role: str
    version: int
    text: str


class Served(msgspec.Struct, frozen=True):
    """What was served when somebody looked."""

    timestamp: int
    sha256: str
    """Of that timestamp."""
    root: int


class _Answer(msgspec.Struct, frozen=True):
    """An earlier answer of ``tidegate --json audit``."""

    findings: list[_Told]
    served: Served | None = None


@dataclass(frozen=True)
class Known:
    """What somebody has looked at."""

    findings: frozenset[_Key] = frozenset()
    served: Served | None = None


def known_in(data: bytes) -> Known:
    """Return what an earlier answer found, and what was served then.

    Raises:
        MalformedError: It is no answer of an audit.
    """
    try:
        answer = msgspec.json.decode(data, type=_Answer)
    except (ValueError, RecursionError) as error:
        raise MalformedError(
            f"this is no answer of an audit: {error}", "tidegate --json audit … >looked-at.json saves one"
        ) from error
    told = ((one.rule, one.role, one.version, one.text.removeprefix(_KNOWN)) for one in answer.findings)
    return Known(frozenset(told), answer.served)


def without_known(findings: Iterable[Finding], known: Known) -> list[Finding]:
    """Return findings, of which those that somebody has looked at already only explain."""
    said = [
        replace(found, level="note", text=f"{_KNOWN}{found.text}") if _key(found) in known.findings else found
        for found in findings
    ]
    return once(said)


def once(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings without those that only repeat another, errors first, notes last, then by time."""
    first: dict[_Key, Finding] = {}
    for found in findings:
        first.setdefault(_key(found), found)
    return sorted(first.values(), key=_rank)


def _key(found: Finding) -> _Key:
    return found.rule, found.role, found.version, found.text.removeprefix(_KNOWN)


def _rank(found: Finding) -> tuple[int, float]:
    return _RANKS.index(found.level), found.at.timestamp() if found.at else math.inf
