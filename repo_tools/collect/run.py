"""One run of the collector: what was dropped since the last one, verified and taken into the lake."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from multiprocessing import get_context

from metadata.documents import Enrollment
from metadata.envelope import public_keys
from repo_tools.collect.box import Dropped, dropped
from repo_tools.collect.hearing import MAX_OBJECT_BYTES, Gate, Heard, Parcel, hear
from repo_tools.collect.lake import Lake, Load
from repo_tools.collect.placing import Maps
from repo_tools.collect.records import Aside, Joined
from repo_tools.files import OnBytes, silent
from repo_tools.store import FullStore

LOAD_OBJECTS = 5_000
"""Objects in one load: a crash loses no more work than that, and memory does not grow with the box."""
ALONE = 200
"""Up to so many objects one process is faster than starting others."""


@dataclass
class Summary:
    """What a run did."""

    objects: int = 0
    counted: int = 0
    again: int = 0
    """Reports that had been counted before."""
    asides: Counter[str] = field(default_factory=Counter)
    """By reason."""
    enrolled: list[str] = field(default_factory=list)
    conflicts: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Collector:
    """What a run works with."""

    store: FullStore
    lake: Lake
    gate: Gate
    maps: Maps
    now: datetime
    processes: int = os.cpu_count() or 1

    def run(self, on_object: OnBytes = silent) -> Summary:
        """Take everything that is new."""
        found = {one.name: one for one in dropped(self.store, self.now.date())}
        fresh = sorted(
            (found[name] for name in self.lake.unseen(found)), key=lambda one: (one.agent, one.seq)
        )
        summary = Summary()
        many = len(fresh) > ALONE and self.processes > 1
        # Forked workers would share locks of the libraries that read stores.
        pool = ProcessPoolExecutor(self.processes, mp_context=get_context("spawn")) if many else None
        with pool or nullcontext():
            for objects in _chunks(fresh):
                self._take(objects, pool, summary)
                on_object(len(objects))
        return summary

    def _take(self, objects: Sequence[Dropped], pool: ProcessPoolExecutor | None, summary: Summary) -> None:
        parcels, oversized = self._read(objects)
        people = self.lake.people(sorted({one.agent for one in objects}))
        work = [
            (agent, people.get(agent), [parcels[one.name] for one in group if one.name in parcels], self.gate)
            for agent, group in groupby(objects, key=lambda one: one.agent)
        ]
        run = pool.map if pool else map
        heard: list[Heard] = list(run(hear, *zip(*work, strict=True), **({"chunksize": 100} if pool else {})))
        with self.lake.load() as load:
            read = {*parcels, *(aside.name for aside in oversized)}  # what is empty may still be written
            load.objects([(one.name, _text(one.received)) for one in objects if one.name in read])
            asides = [*oversized, *self._admit(heard, load, summary)]
            asides += [aside for one in heard for aside in one.asides]
            self._count(heard, load, summary)
            load.asides(asides)
        summary.objects += len(objects)
        summary.asides.update(aside.reason for aside in asides)

    def _read(self, objects: Sequence[Dropped]) -> tuple[dict[str, Parcel], list[Aside]]:
        """Return the objects that belong here, and what is said of the others."""
        asides = [
            Aside(one.name, one.agent, reason, f"{one.size_bytes:,} bytes", _text(one.received))
            for one in objects
            if (
                reason := "misplaced"
                if not one.agent
                else "oversized"
                if one.size_bytes > MAX_OBJECT_BYTES
                else ""
            )
        ]
        bad = {aside.name for aside in asides}
        good = [one for one in objects if one.name not in bad]
        with ThreadPoolExecutor(self.store.lanes) as threads:
            data = list(threads.map(lambda one: self.store.read(one.name), good))
        read = {
            one.name: Parcel(one.name, one.received, body)
            for one, body in zip(good, data, strict=True)
            if body
        }
        return read, asides

    def _admit(self, heard: Sequence[Heard], load: Load, summary: Summary) -> list[Aside]:
        """Take enrolments into the roster as long as their tokens have uses; return what is set aside."""
        wanted = [joined for one in heard for joined in one.joined]
        refused = {joined.agent: joined for joined in load.admit(wanted)}
        summary.enrolled += [joined.agent for joined in wanted if joined.agent not in refused]
        asides = []
        for one in heard:
            if joined := refused.get(one.agent):
                asides += [_used_up(one, joined, row.received) for row in one.rows]
                one.rows.clear()
        return asides

    def _count(self, heard: Iterable[Heard], load: Load, summary: Summary) -> None:
        rows = [row for one in heard for row in one.rows]
        rings = load.rings(sorted({row.agent for row in rows}))
        pairs = {(row.agent, f"{row.product}/{row.channel}") for row in rows}
        waves = {pair: self.maps.wave(pair[1], pair[0], rings.get(pair[0])) for pair in pairs}
        taken = load.rows(rows, waves)
        summary.counted += taken.new
        summary.again += taken.again
        summary.conflicts += taken.conflicts


def gate_of(document: Enrollment) -> Gate:
    """Return who may join, as the enrollment document says."""
    return Gate(
        public_keys(document.keys), frozenset(document.revoked_tokens), frozenset(document.revoked_agents)
    )


def _used_up(one: Heard, joined: Joined, received: str) -> Aside:
    return Aside("", one.agent, "used_up", f"token {joined.token} enrolled {joined.uses} others", received)


def _chunks(objects: Iterable[Dropped]) -> Iterator[list[Dropped]]:
    waiting = iter(objects)
    while chunk := list(islice(waiting, LOAD_OBJECTS)):
        yield chunk


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
