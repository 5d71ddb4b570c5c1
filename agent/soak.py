"""Soak: one more look at a committed version, some hours later. It decides nothing; gates count it.

The hours are counted awake, as long as the host is not booted again; after that by the calendar, which may
have been wrong when the version was committed.
"""

from datetime import datetime, timedelta
from typing import Any

from agent import clock
from agent.health import Answer
from agent.journal import Event
from agent.work import Work
from metadata.errors import TidegateError


def noted(version: str, rollout: str, wave: str, soak_s: int) -> dict[str, Any]:
    """Return what the journal keeps of a version that was committed just now."""
    return {
        "version": version,
        "rollout": rollout,
        "wave": wave,
        "at": (clock.now() + timedelta(seconds=soak_s)).isoformat(),
        "boot": clock.boot_id(),
        "awake_s": clock.awake_s() + soak_s,
    }


def look_again(work: Work) -> None:
    """Note how a committed version is doing when its soak is over; a version that is gone is not judged."""
    key = f"soak/{work.name}"
    note = work.journal.recall(key)
    if note is None or not _is_over(work, note):
        return
    work.journal.remember({key: None})
    version = note["version"]
    if work.slots.running() != version:
        return
    answer = _answer(work, version)
    work.journal.add(
        Event(
            product=work.name,
            stage="soak",
            outcome="ok" if answer.ok else "failed",
            reason="" if answer.ok else "unhealthy",
            detail=answer.text,
            wave=note["wave"],
            rollout=note["rollout"],
            to_version=version,
        )
    )


def _is_over(work: Work, note: dict[str, Any]) -> bool:
    if note.get("boot") == clock.boot_id():
        return bool(clock.awake_s() >= note["awake_s"])
    left_s = (datetime.fromisoformat(note["at"]) - clock.now()).total_seconds()
    release = work.old_release(note["version"])
    if release and left_s > release.soak_s:  # the clock was ahead when it was noted
        fresh = noted(release.version, note["rollout"], note["wave"], release.soak_s)
        work.journal.remember({f"soak/{work.name}": fresh})
        return False
    return left_s <= 0


def _answer(work: Work, version: str) -> Answer:
    try:
        status = work.service.status()
    except TidegateError as error:
        return Answer(False, error.message)
    if not status.running:
        return Answer(False, status.text)
    answer = work.health(work.old_release(version), version).all_well()
    restarts = f"{status.restarts} restarts since it was started; " if status.restarts else ""
    return Answer(answer.ok, f"{restarts}{answer.text}")
