"""Soak: one more look at a committed version, some hours later. It decides nothing; gates count it."""

from datetime import datetime

from agent import clock
from agent.health import Answer
from agent.journal import Event
from agent.work import Work
from metadata.errors import TidegateError


def look_again(work: Work) -> None:
    """Note how a committed version is doing when its soak is over; a version that is gone is not judged."""
    key = f"soak/{work.name}"
    noted = work.journal.recall(key)
    if noted is None or clock.now() < datetime.fromisoformat(noted["at"]):
        return
    work.journal.remember({key: None})
    version = noted["version"]
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
            wave=noted["wave"],
            rollout=noted["rollout"],
            to_version=version,
        )
    )


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
