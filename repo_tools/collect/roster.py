"""The hosts as they were last heard, and some of them by what is known: pure, but for reading the table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from metadata.errors import MalformedError, UnsuitableError, UsageError
from metadata.rules import RULES, proceed
from metadata.versions import parse, within
from repo_tools.collect import asking, duck
from repo_tools.collect.days import is_empty
from repo_tools.collect.placing import Map, map_of
from repo_tools.collect.records import Standing
from repo_tools.desk import Desk
from repo_tools.roles import Channel
from repo_tools.rollouts.state import read_state

_REASONS = {
    *(rule.__name__ for rule in RULES if rule is not proceed),
    *("base", "update", "recall"),
    *("version", "environment", "damaged", "probe", "restarts", "withdrawn"),
    *("malformed", "unreachable", "untrusted", "unsuitable", "unhealthy"),
}
"""What a decision or a report gives as its reason: rules, whom a failure is blamed on, and errors."""
_HOSTS = """
WITH told AS (
  SELECT agent, max_by(reason, seq) FILTER (outcome = 'failed') AS failure,
         max(seq) FILTER (outcome = 'failed') AS failed,
         max(seq) FILTER (stage = 'update_healthcheck' AND outcome = 'ok') AS well,
         list(DISTINCT to_version) FILTER (
           (stage = 'update_rollback' AND reason <> 'environment')
           OR (stage = 'update_verify' AND reason = 'probe')
         ) AS gave_up
  FROM reports WHERE product = $product GROUP BY agent
)
SELECT agent, ring, cohort_id, presence, coalesce(running, '') AS running, coalesce(rollout, '') AS rollout,
       coalesce(stage, ''), coalesce(outcome, ''), coalesce(reason, ''),
       coalesce(json_extract_string(decision, '$.rule'), '') AS rule,
       CASE WHEN failed > coalesce(well, -1) THEN failure ELSE '' END AS failure,
       coalesce(gave_up, []), labels, received
FROM agents LEFT JOIN told USING (agent)
WHERE product = $product AND channel = $channel
ORDER BY agent
"""


@dataclass(frozen=True)
class Member:
    """One host of a channel."""

    agent: str
    wave: str
    """By its place, or where it stands on purpose."""
    presence: str
    running: str
    rollout: str
    stage: str
    outcome: str
    reason: str
    """Of the last report: a rule, or the name of an error."""
    rule: str
    """Of the last decision that it told."""
    failure: str
    """Why an update failed here, if none has come to a good end since."""
    labels: Mapping[str, str]
    heard: str
    ring: str | None = None
    """That its token carries."""
    cohort_id: str | None = None
    """The id whose place it takes instead of its own."""
    gave_up: Collection[str] = ()
    """Versions that failed here, and that it takes again only by a retry."""

    @property
    def version(self) -> str:
        """What it runs; empty where it says nothing, or what is no version."""
        try:
            parse(self.running)
        except MalformedError:
            return ""
        return self.running

    @property
    def because(self) -> str:
        """Why it stands where it does: a failure, or else a rule, or else what it said last."""
        return self.failure or self.rule or self.reason

    @property
    def standing(self) -> Standing:
        """What else than its id says where it stands."""
        return Standing(self.ring, self.cohort_id)


@dataclass(frozen=True)
class Wish:
    """Which hosts are meant; what is left out does not matter."""

    ids: Collection[str] = ()
    search: str = ""
    """A part of their ids."""
    labels: Mapping[str, str] = field(default_factory=dict)
    running: str = ""
    """A range of versions."""
    failing: str = ""
    """A rule or the name of an error."""
    wave: str = ""
    presence: str = "present"

    def refuse_unknown(self, waves: Sequence[str], members: Sequence[Member]) -> None:
        """Refuse a wave that there is not, and a rule or an error that nobody could have told.

        Raises:
            UsageError: It names the known ones.
        """
        if self.wave and self.wave not in waves:
            raise UsageError(f"there is no wave {self.wave!r}", f"one of: {', '.join(waves)}")
        told = {text for one in members for text in (one.rule, one.reason, one.failure) if text}
        known = sorted(told | _REASONS)
        if self.failing and self.failing not in known:
            raise UsageError(f"no host tells of {self.failing!r}", f"one of: {', '.join(known)}")

    def fits(self, member: Member) -> bool:
        """Return whether a host is meant."""
        return (
            (not self.ids or member.agent in self.ids)
            and self.search in member.agent
            and all(member.labels.get(name) == value for name, value in self.labels.items())
            and (not self.running or (bool(member.version) and within(member.version, self.running)))
            and (not self.failing or self.failing in {member.rule, member.reason, member.failure})
            and self.wave in {"", member.wave}
            and self.presence in {"", member.presence}
        )


def members(desk: Desk, channel: Channel, lake: Path) -> Sequence[Member]:
    """Return a channel's hosts, by what was collected.

    Raises:
        UnsuitableError: Nothing was.
    """
    by_wave = map_of(read_state(desk.published(), channel))
    asking.refuse_empty(lake)
    with duck.opened(lake) as engine:
        rows = engine.db.execute(_HOSTS, {"product": channel.product, "channel": channel.name}).fetchall()
    return [_member(by_wave, row) for row in rows]


def waves(desk: Desk, channel: Channel) -> list[str]:
    """Return the names of a channel's published waves, in their order."""
    return [wave.name for wave in read_state(desk.published(), channel).waves]


def members_if_any(desk: Desk, channel: Channel, lake: Path) -> Sequence[Member] | None:
    """Return a channel's hosts; None where nothing was collected."""
    try:
        return members(desk, channel, lake)
    except UnsuitableError:
        return None


def refuse_strangers(lake: Path, agents: Collection[str]) -> None:
    """Refuse ids that nobody enrolled under, where anything was collected.

    Raises:
        UsageError: There is one.
    """
    if not agents or is_empty(lake):
        return
    with duck.opened(lake) as engine:
        known = {agent for (agent,) in engine.db.execute("SELECT agent FROM agents").fetchall()}
    if strangers := [agent for agent in agents if agent not in known]:
        hint = "see: tidegate agents list; tidegate fleet collect brings what is new"
        raise UsageError(f"nobody was heard of as {', '.join(strangers)}", hint)


def heard_of(desk: Desk, channel: Channel, lake: Path, agent: str) -> Member | None:
    """Return what was collected of one host; None where it was never heard of."""
    return next((one for one in members_if_any(desk, channel, lake) or () if one.agent == agent), None)


def _member(waves: Map, row: Sequence[Any]) -> Member:
    agent, ring, cohort_id, *told = row
    presence, running, rollout, stage, outcome, reason, rule, failure, gave_up, labels, heard = told
    named = msgspec.json.decode(labels, type=dict[str, str])
    said = (presence, running, rollout, stage, outcome, reason, rule, failure)
    wave = waves.wave(agent, Standing(ring, cohort_id)) or ""
    return Member(agent, wave, *said, named, heard, ring, cohort_id, gave_up)
