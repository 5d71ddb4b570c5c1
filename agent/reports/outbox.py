"""What is due to be said: the events since the last flush, and a heartbeat when there was silence.

The journal's events are the outbox; a cursor says how far they were sent, so an event is written once. A
flush is noted before it is sent and forgotten when it arrived: it is sent again as the same reports, which
the collector counts once. Heartbeats are made when they are sent, so that none ever waits in a queue.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec

from agent.journal import Journal

MOST = 100
"""Reports in one flush: the rest waits for the next one."""
CURSOR, BATCH, RETRY = "reports/sent", "reports/batch", "reports/retry"
FIRST_PAUSE_S, MAX_PAUSE_S = 60, 14_400
"""After a failure, doubled each time: up to four hours, as polls back off."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One flush, as it was decided: sent again as it is until it arrived."""

    first_seq: int
    last_event: int
    """The newest event in it; the cursor goes there."""
    events: list[dict[str, Any]]
    """As the journal has them, heartbeats among them; the numbers of the reports follow from their order."""

    @property
    def next_seq(self) -> int:
        """The number after its last report."""
        return self.first_seq + len(self.events)


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far everything was said."""

    event: int = 0
    """The newest event that was sent."""
    seq: int = 1
    """The number of the next report."""


def cursor(journal: Journal) -> Cursor:
    """Return how far events were sent."""
    return msgspec.convert(journal.recall(CURSOR, {}), Cursor)


def begin(journal: Journal) -> None:
    """Count from one again, from now on: for a new identity."""
    here = Cursor(event=journal.last_event())
    journal.remember({CURSOR: msgspec.to_builtins(here), BATCH: None, RETRY: None})


def due(journal: Journal, now: datetime) -> bool:
    """Return whether it may be tried now: a place that does not answer is left alone for a while."""
    kept = journal.recall(RETRY)
    return kept is None or not timedelta(0) < datetime.fromisoformat(kept["at"]) - now < timedelta(
        seconds=MAX_PAUSE_S
    )


def gather(journal: Journal, products: Collection[str], beats: list[dict[str, Any]]) -> Batch | None:
    """Return the next flush, noted so that it is the same after a crash; None when there is nothing to say.

    Args:
        journal: Where events are.
        products: Products that report; what happened to others is passed over.
        beats: Heartbeats that are due now; they go along only if nothing waits to be sent again.
    """
    kept = journal.recall(BATCH)
    if kept is not None:
        return msgspec.convert(kept, Batch)
    here = cursor(journal)
    waiting = journal.events_after(here.event, MOST)
    _tell_of_gaps(waiting, here.event)
    events = [event for event in waiting if event["product"] in products]
    if not events and not beats:
        return None
    last = waiting[-1]["id"] if waiting else here.event
    batch = Batch(first_seq=here.seq, last_event=last, events=[*events, *beats])
    journal.remember({BATCH: msgspec.to_builtins(batch)})
    return batch


def _tell_of_gaps(waiting: list[dict[str, Any]], before: int) -> None:
    """Say of each event how many before it the journal no longer has; its numbers have no other gaps."""
    for event in waiting:
        if lost := event["id"] - before - 1:
            event["detail"] = f"[{lost} older events were dropped] {event['detail']}"
        before = event["id"]


def arrived(journal: Journal, batch: Batch) -> None:
    """Forget a flush that is where it should be."""
    here = Cursor(event=batch.last_event, seq=batch.next_seq)
    journal.remember({CURSOR: msgspec.to_builtins(here), BATCH: None, RETRY: None})


def failed(journal: Journal, now: datetime, why: str) -> None:
    """Note that a flush did not arrive, and when to try again."""
    count = (journal.recall(RETRY) or {"count": 0})["count"] + 1
    pause = min(FIRST_PAUSE_S * 2 ** min(count - 1, 20), MAX_PAUSE_S)
    at = (now + timedelta(seconds=pause)).isoformat()
    journal.remember({RETRY: {"count": count, "at": at, "why": why}})
