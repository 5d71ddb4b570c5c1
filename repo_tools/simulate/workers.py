"""Shards at work at once, each in a process of its own; a small fleet needs none."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from repo_tools.simulate.shard import Setting, Shard, Signed, Tallied, Told

ALONE = 20_000
"""Up to so many hosts one process is faster than starting others."""


class Crew:
    """All shards of a fleet."""

    def __init__(self, lines: Sequence[Connection], own: Shard | None) -> None:
        self._lines = lines
        self._own = own

    def run(self, signed: Signed | None, at_s: int, until_s: int) -> Told:
        """Publish something, if there is something, and let every host go on until a time."""
        for line in self._lines:
            line.send((signed, at_s, until_s))
        told = [line.recv() for line in self._lines]
        if self._own:
            told.append(_turn(self._own, signed, at_s, until_s))
        return _sum(told)


@contextmanager
def crew(setting: Setting, processes: int) -> Iterator[Crew]:
    """Start the shards, and end them afterwards."""
    agents = setting.fleet.agents
    if agents <= ALONE or processes < 2:
        yield Crew([], Shard(setting, range(agents)))
        return
    context = get_context("spawn")
    lines, others = zip(*(context.Pipe() for _ in range(processes)), strict=True)
    workers = [
        context.Process(target=_serve, args=(line, setting, range(place, agents, processes)), daemon=True)
        for place, line in enumerate(others)
    ]
    for worker in workers:
        worker.start()
    try:
        yield Crew(lines, None)
    finally:
        for line, worker in zip(lines, workers, strict=True):
            line.close()
            worker.join()


def _serve(line: Connection, setting: Setting, numbers: range) -> None:
    shard = Shard(setting, numbers)
    while True:
        try:
            asked: Any = line.recv()
        except EOFError:
            return
        line.send(_turn(shard, *asked))


def _turn(shard: Shard, signed: Signed | None, at_s: int, until_s: int) -> Told:
    if signed:
        shard.publish(signed, at_s)
    return shard.run(until_s)


def _sum(told: Sequence[Told]) -> Told:
    waves: dict[str, Tallied] = {}
    versions: Counter[str] = Counter()
    for one in told:
        versions.update(one.versions)
        for wave, found in one.waves.items():
            total = waves.setdefault(wave, Tallied())
            for name in vars(total):
                setattr(total, name, getattr(total, name) + getattr(found, name))
    return Told(waves, versions, sum(one.downloads for one in told))
