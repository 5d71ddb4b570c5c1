"""Some of the hosts: each wakes when its decision says so, or polls when what it reads has changed. Pure.

A wake is one call of ``decide``. Between two of them nothing happens to a host, so that a fleet costs a few
calls for each host and not one for each poll.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from metadata import places
from metadata.decide import decide
from metadata.documents import Brake, Policy
from metadata.facts import Directed, Host, Releases
from repo_tools.collect.placing import Map
from repo_tools.simulate.fleet import DAY_S, Fleet, Hours

GRAIN_S = 60
"""Hosts act in steps of a minute: a fifteenth of the usual time between polls."""


@dataclass(frozen=True)
class Signed:
    """What is published, as far as hosts read it."""

    policy: Policy
    brake: Brake
    orders: Mapping[str, Directed]
    """By wave."""
    releases: Releases
    picked: Mapping[str, Directed] = field(default_factory=dict)
    """Of hosts that were selected one by one, by route."""

    def directed(self, agent: "Agent", now: datetime) -> Directed | None:
        """Return what a host is ordered; a selection past its end falls through to its wave."""
        if self.picked:
            found = self.picked.get(places.pick_route(agent.name))
            if found and not (found.order.not_after and now >= found.order.not_after):
                return found
        return self.orders.get(agent.wave)


@dataclass(frozen=True)
class Setting:
    """What a simulation is about."""

    fleet: Fleet
    waves: Map
    signed: Signed
    """What is published at the beginning."""
    begins: datetime
    platform: str
    version: str
    """The release that it is about: it alone fails where hosts fail, and is counted."""
    running: str
    """What every host runs at the beginning."""
    seqs: Mapping[str, int]
    """The numbers of what hosts run, by version."""


@dataclass
class Tallied:
    """Hosts of one wave, so far."""

    members: int = 0
    there: int = 0
    """Said that they live since the wave's order opened."""
    started: int = 0
    ok: int = 0
    """Were well through the soak."""
    failed: int = 0


@dataclass
class Told:
    """What a shard says after a stretch of time."""

    waves: dict[str, Tallied]
    versions: Counter[str]
    """Hosts by the version that they run; those on trial run the new one."""
    downloads: int
    """Artifacts that were fetched so far."""


@dataclass(slots=True, eq=False)
class Agent:
    """One host."""

    name: str
    wave: str
    hours: Hours
    fails: bool
    phase: float
    """When in the time between two polls it polls, and when in the day it says that it lives."""
    running: str
    highest_seq: int
    trial: str = ""
    """The version on trial."""
    gave_up: str = ""
    """The payload that failed here."""
    seen: bool = False


class Shard:
    """Hosts by number, and when they wake."""

    def __init__(self, setting: Setting, numbers: Iterable[int]) -> None:
        self._setting = setting
        self._signed = setting.signed
        self._by_wave: dict[str, list[Agent]] = defaultdict(list)
        for number in numbers:
            agent = _agent(setting, number)
            self._by_wave[agent.wave].append(agent)
        self._told = Told(
            {wave: Tallied(len(found)) for wave, found in self._by_wave.items()},
            Counter(agent.running for agents in self._by_wave.values() for agent in agents),
            0,
        )
        # In this order: what one plans for the same moment is up to those after it.
        self._due: dict[_Work, dict[int, list[Agent]]] = {
            work: defaultdict(list) for work in (self._decide, self._beat, self._end, self._soak)
        }
        self._at = 0

    def publish(self, signed: Signed, at_s: int) -> None:
        """Let the hosts whose order, or whose channel, is another now find it at their next poll."""
        before, self._signed = self._signed, signed
        channel = (before.policy, before.brake, before.picked) != (signed.policy, signed.brake, signed.picked)
        for wave, agents in self._by_wave.items():
            old, new = before.orders.get(wave), signed.orders.get(wave)
            if channel or old != new:
                for agent in agents:
                    self._plan(self._decide, agent, at_s + int(agent.phase * signed.policy.poll_s))
            if new and (old is None or old.order.rollout != new.order.rollout):
                self._count_anew(wave, _second(self._setting, new.order.not_before, at_s))

    def run(self, until_s: int) -> Told:
        """Let the hosts go on until a time; return how they stand then."""
        while self._at * GRAIN_S < until_s:
            for work, due in self._due.items():
                for agent in due.pop(self._at, ()):
                    work(agent)
            self._at += 1
        return self._told

    @property
    def _now(self) -> int:
        return self._at * GRAIN_S

    def _plan(self, work: "_Work", agent: Agent, at_s: int) -> None:
        there = agent.hours.next_there(at_s)
        if there is not None:
            self._due[work][max(self._at, -(-there // GRAIN_S))].append(agent)

    def _count_anew(self, wave: str, from_s: int) -> None:
        """Begin to count who was heard since a wave opened: by the next heartbeat, if by nothing else."""
        self._told.waves[wave] = Tallied(len(self._by_wave[wave]))
        for agent in self._by_wave[wave]:
            agent.seen = False
            self._plan(self._beat, agent, from_s + int(agent.phase * DAY_S))

    def _beat(self, agent: Agent) -> None:
        self._told.waves[agent.wave].there += not agent.seen
        agent.seen = True

    def _decide(self, agent: Agent) -> None:
        """Put the question for one host, and do what it says."""
        if agent.trial:
            return
        signed, setting = self._signed, self._setting
        now = setting.begins + timedelta(seconds=self._now)
        host = _host(setting, signed, agent)
        decision = decide(
            host, signed.policy, signed.directed(agent, now), signed.brake, signed.releases, now, now
        )
        if decision.until is not None:
            self._plan(self._decide, agent, _second(setting, decision.until, 0))
        if decision.goes and decision.version is not None:
            self._start(agent, decision.version)

    def _start(self, agent: Agent, version: str) -> None:
        self._beat(agent)
        self._told.waves[agent.wave].started += version == self._setting.version
        self._told.downloads += 1
        self._told.versions[agent.running] -= 1
        self._told.versions[version] += 1
        agent.trial = version
        release = self._signed.releases.documents[version]
        takes_s = release.start_s + release.trial_s
        self._plan(
            self._end, agent, self._now + int(takes_s * agent.phase if self._fails(agent) else takes_s)
        )

    def _fails(self, agent: Agent) -> bool:
        return agent.fails and agent.trial == self._setting.version

    def _end(self, agent: Agent) -> None:
        """Keep what was on trial, or go back."""
        fails, version, agent.trial = self._fails(agent), agent.trial, ""
        release = self._signed.releases.documents[version]
        if not fails:
            agent.running, agent.highest_seq = version, max(agent.highest_seq, release.seq)
            if version == self._setting.version:
                self._plan(self._soak, agent, self._now + release.soak_s)
            else:  # a base, or a release on the way: the host asks what comes then
                self._plan(self._decide, agent, self._now + GRAIN_S)
            return
        artifact = release.artifact_for(self._setting.platform)
        agent.gave_up = artifact.payload_sha256 if artifact else ""
        self._told.waves[agent.wave].failed += 1
        self._told.versions[version] -= 1
        self._told.versions[agent.running] += 1

    def _soak(self, agent: Agent) -> None:
        self._told.waves[agent.wave].ok += 1


_Work = Callable[[Agent], None]


def _agent(setting: Setting, number: int) -> Agent:
    found = setting.fleet.member(number)
    wave = setting.waves.wave(found.name, found.standing) or ""
    running = setting.running if found.running is None else found.running
    seq = setting.seqs.get(running, 0)
    return Agent(found.name, wave, found.hours, found.fails, found.phase, running, seq)


def _host(setting: Setting, signed: Signed, agent: Agent) -> Host:
    return Host(
        agent.name,
        signed.policy.product,
        signed.policy.channel,
        setting.platform,
        running=agent.running or None,
        highest_seq=agent.highest_seq,
        quarantine={agent.gave_up: 0} if agent.gave_up else {},
    )


def _second(setting: Setting, moment: datetime | None, least: int) -> int:
    """Return a moment as seconds from the beginning, rounded up, and not before ``least``."""
    if moment is None:
        return least
    return max(least, ceil((moment - setting.begins).total_seconds()))
