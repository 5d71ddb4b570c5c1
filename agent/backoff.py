"""Versions that failed here for what lies around them: when each is tried again, and why not before."""

from datetime import datetime, timedelta

from agent import clock
from agent.blame import BACKOFF_S, retry_at
from agent.work import Work
from metadata.facts import Decision, utc


def put_off(work: Work, version: str, why: str, *, stays: bool = False) -> datetime:
    """Note that an attempt failed through no fault of the version; return when the next one is due.

    Args:
        work: The product.
        version: What failed.
        why: What happened to it, in words that follow its name.
        stays: Whether it is in place all the same, since there was no way back.
    """
    count = (work.journal.recall(_key(work, version)) or {"count": 0})["count"] + 1
    due = retry_at(count, clock.now())
    noted = {"count": count, "at": due.isoformat(), "why": why, "stays": stays}
    work.journal.remember({_key(work, version): noted})
    return due


def is_put_off(work: Work, version: str) -> bool:
    """Return whether a version waits for another attempt."""
    return work.journal.recall(_key(work, version)) is not None


def stays(work: Work, version: str) -> bool:
    """Return whether a version is in place although it failed, and was never kept."""
    return bool((work.journal.recall(_key(work, version)) or {}).get("stays"))


def forgotten(work: Work, version: str) -> dict[str, None]:
    """Return what the journal is to remember when a version is no longer put off."""
    return {_key(work, version): None}


def backed_off(work: Work, decision: Decision, now: datetime) -> Decision:
    """Wait when this version failed here a short while ago for what lies around it."""
    kept = work.journal.recall(_key(work, str(decision.version)))
    if not decision.goes or kept is None:
        return decision
    until = datetime.fromisoformat(kept["at"])
    if now >= until or until - now > timedelta(
        seconds=BACKOFF_S[-1]
    ):  # the clock was ahead when it was noted
        return decision
    why = kept.get("why") or "failed here with the version before it"
    text = f"{decision.version} {why}; tried again {utc(until)}"
    return Decision("wait", "backoff", text, decision.version, until)


def _key(work: Work, version: str) -> str:
    return f"retry/{work.name}/{version}"
