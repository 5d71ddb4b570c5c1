"""Which wave an agent is in, worked out from what is published: never from what the agent says.

What it reported before waves or places changed counts for the wave that it was in then. What was published
then is read back by its kept timestamps, verified as what is live now, and no further than somebody asks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from metadata import places
from metadata.errors import TidegateError
from metadata.fields import time_text
from repo_tools.audit.past import PastStore, desk_on
from repo_tools.collect import rollouts
from repo_tools.collect.records import Ordered, Standing
from repo_tools.desk import Desk
from repo_tools.rollouts.state import State, read_state
from repo_tools.signed.reading import issued


@dataclass(frozen=True)
class Map:
    """The waves of one channel, by route."""

    salt: str
    waves: Mapping[str, str]

    def wave(self, agent: str, standing: Standing) -> str | None:
        """Return the wave whose role answers for an agent; batches of selected agents are no wave."""
        asked = places.routes(self.salt, agent, standing.ring, cohort_id=standing.cohort_id)[1:]
        return next((self.waves[route] for route in asked if route in self.waves), None)


@dataclass(frozen=True)
class Era:
    """A time in which nobody's wave changed."""

    since: str
    """When it began, as reports write times; empty for the oldest that is known."""
    maps: Mapping[str, Map]
    """By ``product/channel``."""
    orders: frozenset[Ordered] = frozenset()
    """What was ordered when it began."""

    def wave(self, channel: str, agent: str, standing: Standing) -> str | None:
        """Return an agent's wave; None where there was no such channel."""
        found = self.maps.get(channel)
        return found.wave(agent, standing) if found else None


class Maps:
    """The waves of a repository's channels, as they are published now and as they were.

    Args:
        desk: What is live.
    """

    def __init__(self, desk: Desk) -> None:
        self.released = rollouts.released(desk)
        self._past = _publications(desk)
        self._known = [next(self._past)]
        self._ordered: dict[tuple[str, str, str, str], Ordered] = {}
        self._note(self.now)
        self._whole = False

    @property
    def now(self) -> Era:
        """The present."""
        return self._known[0]

    def eras(self, since: str) -> list[Era]:
        """Return the eras from some time on, the newest first; the last one holds for all before."""
        while not self._whole and self._known[-1].since > since:
            self._read_back()
        found = [
            era for place, era in enumerate(self._known) if not place or self._known[place - 1].since > since
        ]
        return [*found[:-1], Era("", found[-1].maps)]

    def ordered(self, since: str) -> list[Ordered]:
        """Return what was ordered from some time on, each wave of each rollout as it was ordered last.

        Args:
            since: As reports write times; nothing for as far back as anybody asked.
        """
        while since and not self._whole and self._known[-1].since > since:
            self._read_back()
        return list(self._ordered.values())

    def _note(self, era: Era) -> None:
        for one in era.orders:
            self._ordered.setdefault((one.product, one.channel, one.wave, one.rollout), one)

    def _read_back(self) -> None:
        """Read one more publication; one that changed nobody's wave makes the era after it longer."""
        older, newest = next(self._past, None), self._known[-1]
        if older is None:
            self._whole = True
            return
        self._note(older)
        if older.maps == newest.maps:
            self._known[-1] = older
        else:
            self._known.append(older)


def _publications(desk: Desk) -> Iterator[Era]:
    """Yield what was public, the newest first, back to where this root's keys no longer tell."""
    known: dict[tuple[str, int], Map] = {}
    said: rollouts.Known = {}
    yield _era(desk, known, said)
    live = desk.live
    for number in range(live.timestamp.version - 1 if live.timestamp else 0, 0, -1):
        try:
            then = desk_on(PastStore(desk.store, number, live.version("root")), live.root_bytes, desk.now)
            if then.live.timestamp is not None:  # a killed publisher leaves a gap
                yield _era(then, known, said)
        except TidegateError:
            return


def _era(desk: Desk, known: dict[tuple[str, int], Map], said: rollouts.Known) -> Era:
    """Return the era of a publication; a role that did not change says what it said."""
    timestamp, maps = desk.live.timestamp, {}
    orders = [rollouts.ordered(desk, channel, said) for channel in desk.channels()]
    for channel in desk.channels():
        version = (channel.role, desk.live.version(channel.role))
        if version not in known:
            known[version] = map_of(read_state(desk, channel))
        maps[str(channel)] = known[version]
    at = issued(timestamp) if timestamp else None
    return Era(time_text(at) if at else "", maps, frozenset[Ordered]().union(*orders))


def map_of(state: State) -> Map:
    """Return the waves of a channel."""
    return Map(state.policy.salt, {route: wave.name for wave in state.waves for route in wave.routes})
