"""Count the hosts of a wave by what they reported: one outcome for each, from the lake alone.

Who belongs to the wave is worked out from the roster, the salt and the delegations. What an agent says of its
wave moves nothing, nor does what it says of a rollout whose order another wave follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from metadata.documents import Order
from metadata.errors import ConflictError
from repo_tools.collect import asking
from repo_tools.collect.lake import STATE
from repo_tools.collect.placing import Map
from repo_tools.collect.records import Standing
from repo_tools.gate.verdict import Counts

ABSENT = timedelta(days=30)
"""Who was not heard of for so long is no member any more."""
LOST = timedelta(days=2)
"""Silence after a switch that is no pause any more: a host missed two of its daily heartbeats."""
_OUTCOMES = files("repo_tools.gate").joinpath("counting.sql").read_text("utf-8")
_ROSTER = """
SELECT roster.agent, roster.ring, roster.cohort_id FROM state.roster AS roster
LEFT JOIN state.forgotten AS forgotten ON forgotten.agent = roster.agent
LEFT JOIN state.agent AS agent ON agent.agent = roster.agent AND product = $product
WHERE list_contains(channels, $product || '/' || $channel)
  AND least(enrolled, coalesce(first_received, enrolled)) < $since
  AND coalesce(left_at, $since) >= $since
  AND coalesce(forgotten.ended, $since) >= $since
  AND coalesce(received, enrolled) >= $present
ORDER BY roster.agent
"""
_DIGESTS = """
SELECT digest FROM reports JOIN member USING (agent)
WHERE product = $product AND channel = $channel AND rollout = $rollout
ORDER BY digest
"""


class _Outcome(NamedTuple):
    """What became of one member; the columns of ``counting.sql``."""

    agent: str
    failed: bool
    ok: bool
    seen: bool
    unfit: bool
    started: bool
    lost: bool


@dataclass(frozen=True)
class Tally:
    """The counts of a wave, and what they were made from."""

    counts: Counts
    reports: int
    """Reports about the rollout that were looked at."""
    sha256: str
    """Digest of their sorted digests, one a line: whoever has the lake can work it out again."""


def tally(lake: Path, order: Order, opened: datetime, waves: Map, now: datetime) -> Tally:
    """Return what is known of the wave that an order opened.

    Args:
        lake: The lake's folder.
        order: The wave's order.
        opened: From when on its hosts could start.
        waves: Where the channel's agents are.
        now: The present.

    Raises:
        UnsuitableError: Nothing was collected.
        ConflictError: A collector is at work.
    """
    since = {"product": order.product, "channel": order.channel, "since": _text(opened)}
    told = {"product": order.product, "channel": order.channel, "rollout": order.rollout}
    with asking.opened(lake) as db:
        _attach(db, lake)
        roster = db.execute(_ROSTER, {**since, "present": _text(opened - ABSENT)}).fetchall()
        members = [agent for agent, *rest in roster if waves.wave(agent, Standing(*rest)) == order.wave]
        db.execute(
            "CREATE TEMP TABLE member AS SELECT unnest($members::VARCHAR[]) AS agent", {"members": members}
        )
        rows = db.execute(_OUTCOMES, {**since, **told, "lost": _text(now - LOST)}).fetchall()
        digests = "".join(f"{digest}\n" for (digest,) in db.execute(_DIGESTS, told).fetchall())
    return Tally(_counts(rows), digests.count("\n"), sha256(digests.encode()).hexdigest())


def _attach(db: duckdb.DuckDBPyConnection, lake: Path) -> None:
    try:
        db.execute(f"ATTACH '{lake / STATE}' AS state (READ_ONLY)")
    except duckdb.IOException as error:
        raise ConflictError(f"{lake} is in use: {error}", "wait until the collector has ended") from error


def _counts(rows: Sequence[tuple[Any, ...]]) -> Counts:
    members = [_Outcome(*row) for row in rows]
    seen = [one for one in members if one.seen]
    fit = [one for one in seen if not one.unfit]
    return Counts(
        members=len(members),
        expected=len(fit),
        started=sum(one.started for one in fit),
        ok=sum(one.ok for one in fit),
        failed=sum(one.failed for one in fit),
        unfit=len(seen) - len(fit),
        lost=sum(one.lost for one in fit),
    )


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
