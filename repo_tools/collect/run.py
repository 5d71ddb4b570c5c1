"""One run of the collector: what was dropped since the last one, verified and taken into the lake.

Three things happen at once: a load is read, the one before it is verified by other processes, and the one
before that is stored. No more than these three are in memory, however full the box is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, islice

from metadata.fields import time_text
from repo_tools.collect import box, rollouts
from repo_tools.collect.box import Dropped
from repo_tools.collect.envelopes import MAX_OBJECT_BYTES, Parcel
from repo_tools.collect.hearing import Heard, Work
from repo_tools.collect.joining import Gate
from repo_tools.collect.lake import Lake
from repo_tools.collect.load import Load
from repo_tools.collect.placing import Maps
from repo_tools.collect.presence import clones, write_agents
from repo_tools.collect.records import Aside, Joined, Placed, Standing
from repo_tools.collect.workers import Verdict, Workers
from repo_tools.files import OnBytes, silent
from repo_tools.store import FullStore
from repo_tools.store.lanes import in_lanes

LOAD_OBJECTS = 2_000
LOAD_BYTES = 16 << 20
"""The most in one load: a crash loses no more work than that."""
LISTED = 20_000
"""Names that are compared with what was taken at once."""
MOST_CONFLICTS = 1_000
"""Conflicts that a run names; all are counted."""
FAR = timedelta(days=1)
"""How often days are looked at that are far from the present."""


@dataclass
class Summary:
    """What a run did."""

    objects: int = 0
    counted: int = 0
    again: int = 0
    """Reports that had been counted before."""
    asides: dict[str, int] = field(default_factory=dict)
    """By reason."""
    enrolled: list[str] = field(default_factory=list)
    conflicts: list[tuple[str, int]] = field(default_factory=list)
    clones: list[str] = field(default_factory=list)
    """Agents whose identity two machines used lately."""


@dataclass(frozen=True)
class Batch:
    """A load as it was read."""

    objects: Sequence[Dropped]
    parcels: dict[str, Parcel]
    asides: Sequence[Aside]
    """Objects that were not read, and why."""

    @property
    def read(self) -> set[str]:
        """Names of what was there, and need not be looked at again."""
        return {*self.parcels, *(aside.name for aside in self.asides)}


@dataclass(frozen=True)
class Asked:
    """A load that is being verified."""

    batch: Batch
    verdict: Verdict


@dataclass(frozen=True)
class Collector:
    """What a run works with."""

    store: FullStore
    lake: Lake
    gate: Gate
    maps: Maps
    now: datetime
    workers: Workers

    def run(self, on_object: OnBytes = silent) -> Summary:
        """Take everything that is new, and what was waiting for what is known now."""
        summary = Summary()
        self._through(loads(self._new()), summary, on_object)
        before: list[str] = []
        while (names := self._again(summary)) != before:
            before = names
        summary.asides = self.lake.asides()
        summary.clones = clones(self.lake, self.now - box.LOOK_BACK)
        if self.lake.keeps:
            write_agents(self.lake, self.now)
            self.lake.write_asides()
            rollouts.keep(self.lake, self.maps.ordered(rollouts.unknown_since(self.lake)), self.maps.released)
            self.lake.tidy(self.now)
        return summary

    def _new(self) -> Iterator[Dropped]:
        """Yield what was not taken before, day by day."""
        looked = self.lake.looked()
        far = []
        for day in box.days(self.store):
            if not box.near(day, self.now.date()):
                if day in looked and self.now - looked[day] < FAR:
                    continue
                far.append(day)
            found = box.dropped(self.store, day)
            while some := list(islice(found, LISTED)):
                yield from self.lake.unseen(day, some)
        self.lake.look(far, self.now)

    def _again(self, summary: Summary) -> list[str]:
        """Take what was set aside for what is known now; return its names."""
        waiting = self.lake.waiting(self.gate.digest, self.now, LOAD_OBJECTS)
        self._through(loads(iter(waiting)), summary)
        return sorted(one.name for one in waiting)

    def _through(
        self, batches: Iterable[Sequence[Dropped]], summary: Summary, on_object: OnBytes = silent
    ) -> None:
        before: Asked | None = None
        for objects in batches:
            batch = self._read(objects)  # while the one before is verified
            before = self._turn(before, batch, summary)
            on_object(len(objects))
        if before is not None:
            self._turn(before, None, summary)

    def _turn(self, before: Asked | None, batch: Batch | None, summary: Summary) -> Asked | None:
        """Take the load before, and let the next be verified by what the roster knows then."""
        if before is None:
            return self._ask(batch, [])
        heard = before.verdict()
        with self.lake.load() as load:
            load.objects(before.batch.objects, before.batch.read)
            asides = [*before.batch.asides, *self._admit(heard, load, summary)]
            following = self._ask(batch, heard)
            asides += [aside for one in heard for aside in one.asides]
            self._count(heard, load, summary)
            load.asides(asides)
        summary.objects += len(before.batch.objects)
        return following

    def _ask(self, batch: Batch | None, heard: Sequence[Heard]) -> Asked | None:
        """Let a load be verified, by the roster and by what was heard in the load that is not stored yet."""
        if batch is None:
            return None
        people = self.lake.people(sorted({one.agent for one in batch.objects}))
        days = {f"{one.received:%Y-%m-%d}" for one in batch.objects}
        counted, latest = self.lake.counted(list(people), days), {one.agent: one.counted for one in heard}
        work = []
        for agent, group in groupby(batch.objects, key=lambda one: one.agent):
            parcels = [batch.parcels[one.name] for one in group if one.name in batch.parcels]
            known = {**counted.get(agent, {}), **latest.get(agent, {})}
            work.append(Work(agent, people.get(agent), parcels, known))
        return Asked(batch, self.workers.hear(self.gate, work))

    def _read(self, objects: Sequence[Dropped]) -> Batch:
        """Read the objects that belong here, and say what is wrong with the others."""
        asides = [
            Aside(one.name, one.agent, reason, f"{one.size_bytes:,} bytes", time_text(one.received))
            for one in objects
            if (reason := _unfit(one))
        ]
        bad = {aside.name for aside in asides}
        good = [one for one in objects if one.name not in bad]
        data = in_lanes(self.store.lanes, lambda one: self.store.read(one.name), good)
        parcels = {
            one.name: Parcel(one.name, one.day, one.received, body)
            for one, body in zip(good, data, strict=True)
            if body  # what is empty may still be written
        }
        return Batch(objects, parcels, asides)

    def _admit(self, heard: Sequence[Heard], load: Load, summary: Summary) -> list[Aside]:
        """Take enrolments into the roster as long as their tokens have uses; return what is set aside."""
        wanted = [joined for one in heard for joined in one.joined]
        refused = {joined.agent: joined for joined in load.admit(wanted)}
        summary.enrolled += [joined.agent for joined in wanted if joined.agent not in refused]
        asides = []
        for one in heard:
            if joined := refused.get(one.agent):
                asides.append(_used_up(one, joined))
                one.lines.clear()
        return asides

    def _count(self, heard: Iterable[Heard], load: Load, summary: Summary) -> None:
        pairs = [(one.agent, channel) for one in heard if one.lines for channel in one.channels]
        standings = load.standings([agent for agent, _ in pairs])
        eras = self.maps.eras(min((one.first for one in heard if one.lines), default=""))
        waves = [
            Placed(agent, channel, era.since, era.wave(channel, agent, standings.get(agent, Standing())))
            for agent, channel in pairs
            for era in eras
        ]
        taken = load.rows([line for one in heard for line in one.lines], waves)
        summary.counted += taken.new
        summary.again += taken.again
        summary.conflicts += taken.conflicts[: max(0, MOST_CONFLICTS - len(summary.conflicts))]


def _unfit(one: Dropped) -> str:
    """Return why an object is not even read."""
    if not one.agent:
        return "misplaced"
    return "oversized" if one.size_bytes > MAX_OBJECT_BYTES else ""


def _used_up(one: Heard, joined: Joined) -> Aside:
    detail = f"token {joined.token} enrolled {joined.uses} others"
    return Aside("", one.agent, "used_up", detail, joined.received, len(one.lines))


def loads(objects: Iterable[Dropped]) -> Iterator[list[Dropped]]:
    """Yield objects in loads of bounded size; one agent's reports come in their order."""
    load: list[Dropped] = []
    size = 0
    for one in objects:
        if len(load) == LOAD_OBJECTS or (load and size + one.size_bytes > LOAD_BYTES):
            yield sorted(load, key=_order)
            load, size = [], 0
        load.append(one)
        size += one.size_bytes
    if load:
        yield sorted(load, key=_order)


def _order(one: Dropped) -> tuple[str, int]:
    return one.agent, one.seq
