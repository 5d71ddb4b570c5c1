"""Choose the hosts that are counted into waves: who is there stays, and the rest are drawn by lot. Pure.

The lot is a host's place: it falls the same way whenever it is drawn, and anew with another salt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from metadata import places
from repo_tools.collect.placing import Map
from repo_tools.collect.roster import Member

HELD = ("pinned", "quarantined", "foreign", "ahead")
"""Decisions by which a host takes no update: it would be the last to tell how one goes."""


@dataclass(frozen=True)
class Seats:
    """The waves of a channel, and who is counted into them by name."""

    salt: str
    order: Sequence[str]
    """The waves' names; the last is everybody else."""
    open: Mapping[str, Sequence[str]]
    """By wave, its rings and its share of places."""
    named: Mapping[str, Sequence[str]]
    """By wave, the digits of hosts that are in it by name."""

    def routes(self) -> dict[str, list[str]]:
        """Return each wave's routes."""
        return {wave: [*self.named[wave], *self.open[wave]] for wave in self.order}


def filled(seats: Seats, wanted: Mapping[str, int], members: Sequence[Member]) -> Seats:
    """Return the waves with as many hosts in them as are wanted, or as there are.

    Hosts that a ring puts into a wave count there. Nobody is taken from a wave before it.

    Args:
        seats: Who is in which wave by name now.
        wanted: How many hosts, by wave; waves that are not in it stay as they are.
        members: The roster.
    """
    present = [one for one in members if one.presence == "present"]
    digits = {places.own_digits(one.agent) for one in present}
    named = {wave: list(found) for wave, found in seats.named.items()}
    for wave in wanted:
        named[wave] = [one for one in named[wave] if one in digits]
    homes = _homes(seats, present)
    for wave, number in wanted.items():
        taken = {one for found in named.values() for one in found}
        free = [one for one in present if places.own_digits(one.agent) not in taken]
        there = sum(homes[one.agent] == wave and _by_ring(seats, one) for one in free)
        named[wave] = [*named[wave], *_lot(seats, wave, free, homes)][: max(0, number - there)]
    return replace(seats, named=named)


def _homes(seats: Seats, members: Sequence[Member]) -> dict[str, str | None]:
    """Return the wave of each host, were nobody in one by name."""
    found = Map(seats.salt, {route: wave for wave in seats.order for route in seats.open[wave]})
    return {one.agent: found.wave(one.agent, one.standing) for one in members}


def _by_ring(seats: Seats, member: Member) -> bool:
    return any(f"ring-{member.ring}" in routes for routes in seats.open.values())


def _lot(seats: Seats, wave: str, free: Sequence[Member], homes: Mapping[str, str | None]) -> list[str]:
    """Return hosts of later waves as the lot has them; those that tell little, or move others, at the end."""
    later = seats.order[seats.order.index(wave) + 1 :]
    fit = [one for one in free if homes[one.agent] in later and not _by_ring(seats, one)]
    drawn = sorted(
        fit,
        key=lambda one: (one.rule in HELD, one.cohort_id is not None, places.place(seats.salt, one.agent)),
    )
    return [places.own_digits(one.agent) for one in drawn]
