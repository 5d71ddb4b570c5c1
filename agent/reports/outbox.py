"""What is due to be said: the events since the last flush, and a heartbeat when there was silence.

The journal's events are the outbox; marks say how far they were taken out, so an event is written once. A
flush is noted before it is sent and forgotten when it arrived: it is sent again as the same reports, which
the collector counts once. Heartbeats are made when they are sent, so that none ever waits in a queue.

Products may report to different places. Each place has a lane of its own: one that does not answer holds
up no other. Numbers run through all lanes; that the host enrolled or left is told to every place.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from agent.identity import Identity
from agent.journal import Event, Journal

MOST = 100
"""Events in one flush: the rest waits for the next one."""
CURSOR, BATCHES, RETRY = "reports/cursor", "reports/batches", "reports/retry"
FIRST_PAUSE_S, MAX_PAUSE_S = 60, 14_400
"""After a failure, doubled each time: up to four hours, as polls back off."""
TO_ALL = frozenset({"enroll", "leave"})
"""Stages that are about the host, not about a product."""


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A place for reports, and the products that report there."""

    place: str
    products: list[str]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One flush, as it was decided: sent again as it is until it arrived."""

    lane: Lane
    first_seq: int
    events: list[dict[str, Any]]
    """As the journal has them, heartbeats among them; the numbers of the reports follow from their order."""


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far events were taken out of the journal."""

    event: int = 0
    """What is older was said by another identity."""
    seq: int = 1
    """The number of the next report."""
    speaker: str = ""
    """The agent whose reports are numbered."""
    enrolment: str = ""
    """The enrolment that was told last."""
    marks: dict[str, int] = {}
    """The newest event taken out: by product, and by place for what is told to all."""

    def mark(self, name: str) -> int:
        """Return the newest event that was taken out for a product, or for a place."""
        return max(self.event, self.marks.get(name, 0))


def cursor(journal: Journal) -> Cursor:
    """Return how far events were taken out."""
    found: Cursor = journal.recall(CURSOR, Cursor(), Cursor)
    return found


def introduce(journal: Journal, who: Identity, first_seq: int = 1) -> None:
    """Say first who speaks, once for each enrolment.

    Args:
        journal: Where events are.
        who: The host.
        first_seq: Where its numbers go on if this journal has not counted them.
    """
    here = cursor(journal)
    if not who.scope or (here.speaker, here.enrolment) == (who.agent, who.enrolment):
        return
    forgotten: dict[str, object] = {}
    if here.speaker != who.agent:
        here = Cursor(event=journal.last_event(), speaker=who.agent, seq=first_seq)
        forgotten = {BATCHES: None, RETRY: None}
    journal.add(Event(product=who.scope[0].partition("/")[0], stage="enroll", outcome="ok"))
    told = msgspec.structs.replace(here, enrolment=who.enrolment)
    journal.remember({CURSOR: msgspec.to_builtins(told), **forgotten})


def due(journal: Journal, place: str, now: datetime) -> bool:
    """Return whether it may be tried now: a place that does not answer is left alone for a while."""
    kept = journal.recall(RETRY, {}).get(place)
    if kept is None:
        return True
    left = datetime.fromisoformat(kept["at"]) - now
    return not timedelta(0) < left < timedelta(seconds=MAX_PAUSE_S)


def batches(journal: Journal) -> list[Batch]:
    """Return the flushes that were not seen to arrive, the oldest first."""
    found: list[Batch] = journal.recall(BATCHES, [], list[Batch])
    return found


def again(journal: Journal, lane: Lane, places: Collection[str]) -> Batch | None:
    """Return the flush that this lane must repeat first; the lane of a place that is gone is taken over."""
    for batch in batches(journal):
        moved = batch.lane.place not in places and set(batch.lane.products) & set(lane.products)
        if batch.lane.place == lane.place or moved:
            return batch
    return None


def gather(
    journal: Journal, lane: Lane, beats: Sequence[dict[str, Any]], running: Mapping[str, str | None]
) -> Batch | None:
    """Return a lane's next flush, noted so that a crash does not change it; None when nothing is to be said.

    Args:
        journal: Where events are.
        lane: Whose events; what happened to other products is passed over.
        beats: Heartbeats that are due now.
        running: What runs now, by product.
    """
    here = cursor(journal)
    waiting = _waiting(journal, here, lane)
    events = [{**event, "running": running.get(event["product"])} for event in waiting[:MOST]]
    last = events[-1]["id"] if len(waiting) > MOST else journal.last_event()
    marks = here.marks | dict.fromkeys((lane.place, *lane.products), last)
    batch = Batch(lane=lane, first_seq=here.seq, events=[*events, *beats])
    there = msgspec.structs.replace(here, seq=here.seq + len(batch.events), marks=marks)
    noted = {BATCHES: msgspec.to_builtins([*batches(journal), batch])} if batch.events else {}
    journal.remember({CURSOR: msgspec.to_builtins(there), **noted})
    return batch if batch.events else None


def _waiting(journal: Journal, here: Cursor, lane: Lane) -> list[dict[str, Any]]:
    """Return what a lane has not said, the oldest first; the first says how many before it are lost."""
    marks = {name: here.mark(name) for name in (lane.place, *lane.products)}
    rows = journal.events_after(min(marks.values()))
    told = {row["id"]: lane.place if row["stage"] in TO_ALL else row["product"] for row in rows}
    found = [row for row in rows if row["id"] > marks.get(told[row["id"]], row["id"])]
    start = max(marks[name] for name in lane.products)
    oldest = journal.oldest_event()
    lost = oldest - 1 - start - sum(start < row["id"] < oldest for row in rows)
    if first := next((row for row in found if row["id"] >= oldest and lost > 0), None):
        first["detail"] = f"[{lost} older events were dropped] {first['detail']}"
    return found


def arrived(journal: Journal, batch: Batch) -> None:
    """Forget a flush that is where it should be."""
    left = [one for one in batches(journal) if one.first_seq != batch.first_seq]
    journal.remember({BATCHES: msgspec.to_builtins(left) or None})


def recovered(journal: Journal, place: str) -> None:
    """Note that a place takes reports."""
    kept = journal.recall(RETRY, {})
    journal.remember({RETRY: {name: value for name, value in kept.items() if name != place} or None})


def failed(journal: Journal, place: str, now: datetime, why: str) -> None:
    """Note that a flush did not arrive, and when to try again."""
    kept = journal.recall(RETRY, {})
    count = kept.get(place, {"count": 0})["count"] + 1
    pause = min(FIRST_PAUSE_S * 2 ** min(count - 1, 20), MAX_PAUSE_S)
    at = (now + timedelta(seconds=pause)).isoformat()
    journal.remember({RETRY: kept | {place: {"count": count, "at": at, "why": why}}})
