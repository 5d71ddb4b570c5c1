"""Let a rollout run in simulated time: the fleet, the job that looks at it, and what it publishes."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from metadata.documents import Order
from metadata.facts import Directed, Releases
from metadata.places import SELECTED_WAVE
from repo_tools.collect.placing import Map
from repo_tools.explain import documents
from repo_tools.files import silent
from repo_tools.gate.advance import advance
from repo_tools.gate.counting import Tally
from repo_tools.gate.verdict import Counts
from repo_tools.rollouts.leading import LEAD
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.selecting import carried
from repo_tools.rollouts.staging import Change, in_force
from repo_tools.rollouts.state import State
from repo_tools.rollouts.strategies import begin
from repo_tools.simulate.fleet import Fleet
from repo_tools.simulate.shard import Setting, Signed, Tallied, Told
from repo_tools.simulate.workers import Crew, crew

LOOK_S = 3_600
"""How often the job looks at what was reported."""
POLL_REQUESTS = 2
"""Requests of a poll that finds nothing new, as ``tests.bench polling`` counts them."""
POLL_BYTES = 517
"""What they bring, by the same measurement."""


@dataclass(frozen=True)
class Point:
    """The fleet at the end of an hour."""

    at: datetime
    versions: Mapping[str, int]
    requests: int
    """In this hour."""
    sent_bytes: int
    """In this hour."""


@dataclass(frozen=True)
class Event:
    """Something that was published, or would be."""

    at: datetime
    text: str


@dataclass
class Course:
    """How it went."""

    points: list[Point] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    halted: bool = False
    exposed: int = 0
    """Hosts that started the release."""
    failed: int = 0
    """Hosts on which it failed."""
    updated: int = 0
    """Hosts that run it at the end."""


@dataclass(frozen=True)
class Plot:
    """What is simulated: a release, how it widens, over whom, for how long."""

    version: str
    running: str
    plan: Plan
    fleet: Fleet
    platform: str
    begins: datetime
    lasts: timedelta = timedelta(days=6)
    look_s: int = LOOK_S
    processes: int = 2


def simulate(state: State, plot: Plot, on_look: Callable[[int], None] = silent) -> Course:
    """Return the course of a rollout.

    Args:
        state: The channel in which it is started.
        plot: What is simulated.
        on_look: Told of every look that the job has taken.
    """
    waves = Map(state.policy.salt, {route: wave.name for wave in state.waves for route in wave.routes})
    catalog, known = state.catalog, plot.fleet.versions | {plot.running}
    setting = Setting(
        plot.fleet,
        waves,
        signed(state),
        plot.begins,
        plot.platform,
        plot.version,
        plot.running,
        {one: catalog.release(one).seq for one in known if one in catalog.versions},
    )
    with crew(setting, plot.processes) as hosts:
        return _Run(state, plot, hosts).whole(on_look)


def signed(state: State) -> Signed:
    """Return what hosts read of a channel."""
    found = {
        wave.name: Directed(wave.order, wave.name, state.catalog.entry(wave.order.version).sha256)
        for wave in state.waves
        if wave.order
    }
    picked = {
        route: Directed(order, SELECTED_WAVE, state.catalog.entry(order.version).sha256)
        for route, order in state.picked.items()
    }
    ordered = [*found.values(), *picked.values()]
    read = [documents(state.catalog, directed.order, None) for directed in ordered]
    digests = dict(item for one in read for item in one.digests.items())
    papers = dict(item for one in read for item in one.documents.items())
    return Signed(state.policy, state.brake, found, Releases(digests, papers), picked)


_WORDS = {"halt": "halted", "open": "{} opens", "ask": "{} opens, signed by a person"}


class _Run:
    """One rollout: what is published, and what was heard."""

    def __init__(self, state: State, plot: Plot, hosts: Crew) -> None:
        self._state = state
        self._plot = plot
        self._hosts = hosts
        self._course = Course()
        self._told = Told({}, Counter(), 0)
        self._asked: datetime | None = None
        part = state.catalog.release(plot.version).artifact_for(plot.platform)
        self._size_bytes = part.payload_bytes if part else 0

    def whole(self, on_look: Callable[[int], None]) -> Course:
        plot = self._plot
        begins = begin(self._state, plot.version, plot.plan, Terms(plot.begins))
        change: Change | None = carried(self._state, begins, plot.begins)
        self._course.points.append(Point(plot.begins, dict(self._hosts.run(None, 0, 0).versions), 0, 0))
        self._say(plot.begins, f"{plot.version} starts, {plot.plan.strategy}")
        for at_s in range(0, int(plot.lasts.total_seconds()), plot.look_s):
            if change:
                self._state = in_force(self._state, change)
            news = signed(self._state) if change else None
            self._note(self._hosts.run(news, at_s, at_s + plot.look_s), at_s + plot.look_s)
            change = self._look(plot.begins + timedelta(seconds=at_s + plot.look_s))
            on_look(1)
        return self._ended()

    def _look(self, now: datetime) -> Change | None:
        """Do what the job does."""
        step = advance(self._state, self._plot.plan, self._count, Terms(now, by="job"))
        if step.change is None:
            return None
        opened, action = ", ".join(step.change.orders), step.verdict.action
        if action == "ask" and not self._signed(
            now, f"a person is asked to sign {opened}: {step.verdict.text}"
        ):
            return None
        self._course.halted |= action == "halt"
        self._say(now, f"{_WORDS[action].format(opened)}: {step.verdict.text}")
        return carried(self._state, step.change, now)

    def _signed(self, now: datetime, question: str) -> bool:
        """Return whether a person has signed, who takes as long as others may have to."""
        if self._asked is None:
            self._asked = now
            self._say(now, question)
        if now < self._asked + LEAD:
            return False
        self._asked = None
        return True

    def _count(self, order: Order) -> Tally:
        wave = self._told.waves.get(order.wave, Tallied())
        counts = Counts(
            members=wave.members, expected=wave.there, started=wave.started, ok=wave.ok, failed=wave.failed
        )
        return Tally(counts, 0, "0" * 64)

    def _note(self, told: Told, at_s: int) -> None:
        plot, before = self._plot, self._told
        self._told = told
        fetched = told.downloads - before.downloads
        polls = int(plot.fleet.there * plot.look_s / self._state.policy.poll_s)
        point = Point(
            plot.begins + timedelta(seconds=at_s),
            dict(told.versions),
            POLL_REQUESTS * polls + fetched,
            POLL_BYTES * polls + self._size_bytes * fetched,
        )
        self._course.points.append(point)

    def _say(self, at: datetime, text: str) -> None:
        self._course.events.append(Event(at, text))

    def _ended(self) -> Course:
        waves = self._told.waves.values()
        self._course.exposed = sum(wave.started for wave in waves)
        self._course.failed = sum(wave.failed for wave in waves)
        self._course.updated = self._told.versions[self._plot.version]
        return self._course
