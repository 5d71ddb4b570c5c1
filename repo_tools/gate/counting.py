"""Count the hosts of a wave by what they reported: one outcome for each, from the lake alone.

Who belongs to the wave is worked out from the roster, the salt and the delegations, as of when its order
opened: who enrols again later moves nothing. Neither does what an agent says of its wave, nor of a rollout
whose order another wave follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from metadata.documents import Order
from metadata.fields import time_text
from repo_tools.collect import asking, duck
from repo_tools.collect.placing import Map
from repo_tools.collect.records import Standing
from repo_tools.gate.verdict import Counts

LOST = timedelta(days=2)
"""Silence after a switch that is no pause any more: a host missed two of its daily heartbeats."""
_ROSTER = """
WITH known AS (
  SELECT NULL::STRUCT(since VARCHAR, ring VARCHAR, cohort_id VARCHAR)[] AS stood WHERE FALSE
  UNION ALL BY NAME SELECT * FROM agents
), placed AS (
  SELECT *, coalesce([place FOR place IN stood IF place.since < $since][-1], stood[1],
                     {'since': '', 'ring': ring, 'cohort_id': cohort_id}) AS place
  FROM known
)
SELECT agent, place.ring, place.cohort_id FROM placed
WHERE product = $product AND channel = $channel AND first_received < $since
  AND (presence = 'present' OR received >= $since OR agent IN (
    SELECT agent FROM outcomes
    WHERE product = $product AND channel = $channel AND rollout = $rollout AND version = $version
      AND started))
ORDER BY agent
"""
"""By the last enrolment before the order opened; a lake of an earlier version knows the last one alone.

An order that was held opens anew: who started before that, and has gone since, stays counted."""
_MEMBER = """
CREATE TEMP TABLE member AS
SELECT unnest($members::VARCHAR[]) AS agent, $product AS product, $channel AS channel, $rollout AS rollout,
       $version AS version, $since AS opened
"""
_JUDGED = f"""
SELECT agent, failed, ok, seen, unfit, started, coalesce(silent AND last < $lost, FALSE) AS lost
FROM ({asking.judged("member")}) ORDER BY agent
"""  # noqa: S608 (ours)
_DIGESTS = """
SELECT digest FROM reports JOIN member USING (product, channel, rollout, agent) ORDER BY digest
"""


class _Outcome(NamedTuple):
    """What became of one member; the columns of ``_JUDGED``."""

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
    """
    about = {"product": order.product, "channel": order.channel}
    since = {**about, "since": time_text(opened)}
    ordered = {"rollout": order.rollout, "version": order.version}
    asking.refuse_empty(lake)
    with duck.opened(lake) as engine:
        db = engine.db
        roster = db.execute(_ROSTER, {**since, **ordered}).fetchall()
        members = [agent for agent, *rest in roster if waves.wave(agent, Standing(*rest)) == order.wave]
        db.execute(_MEMBER, {**since, **ordered, "members": members})
        rows = db.execute(_JUDGED, {"lost": time_text(now - LOST)}).fetchall()
        digests = "".join(f"{digest}\n" for (digest,) in db.execute(_DIGESTS).fetchall())
    return Tally(_counts(rows), digests.count("\n"), sha256(digests.encode()).hexdigest())


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
