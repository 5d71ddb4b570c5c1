"""Change who is in which wave of a channel that is founded: shares, hosts by name, hosts counted in. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from metadata import places
from metadata.documents import Order, WaveShare
from metadata.errors import UsageError
from repo_tools.collect.roster import Member
from repo_tools.rollouts.moving import refuse_moving
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, Wave, is_own
from repo_tools.waves.filling import Seats, filled
from repo_tools.waves.said import Said, ascending

MOST = 2_000
"""Hosts that are in waves by name: every host reads the whole list, and more than that is a share."""


@dataclass(frozen=True)
class Wish:
    """What a person wants of a channel's waves."""

    waves: Sequence[Said]
    """In any order; those that are not named stay as they are."""
    count: bool = False
    """Without a wave: as many hosts by name as there are now, without those that are gone."""
    digits: int = 3
    """Resolution of percentages."""


def reshape(state: State, wish: Wish, members: Sequence[Member], now: datetime) -> Change:
    """Return the change that gives waves their hosts; an empty one where they have them already.

    Args:
        state: The channel.
        wish: What is wanted of its waves.
        members: The roster; nobody is needed where nobody is counted in.
        now: The present.

    Raises:
        UsageError: There is no such wave, or nobody would be left in one.
        UnsuitableError: Hosts must not change their waves now.
    """
    said = _known(state, wish)
    percents = ascending([said[wave.name] for wave in state.waves])
    seats = _seats(state, wish, said, percents)
    numbers = {name: one.count for name, one in said.items() if one.count is not None}
    after = filled(seats, numbers, members).routes()
    before = {wave.name: list(wave.routes) for wave in state.waves}
    shares = [
        WaveShare(name=wave.name, percent=text) for wave, text in zip(state.waves, percents, strict=True)
    ]
    policy = replace(state.policy, waves=shares)
    if after == before and policy == state.policy:
        return Change()
    _refuse_lost(before, after)
    refuse_moving(state, now)
    routes = {name: found for name, found in after.items() if found != before[name]}
    orders = {name: order for name in routes if (order := _order(state, name))}
    return Change(orders, policy if policy != state.policy else None, routes=routes)


def by_name(wave: Wave) -> list[str]:
    """Return the digits of the hosts that are in a wave by name."""
    return [route for route in wave.routes if is_own(route)]


def is_share(route: str) -> bool:
    """Return whether a route is a prefix of places, and so a share of the fleet."""
    return len(route) <= places.MAX_PREFIX_DIGITS


def _known(state: State, wish: Wish) -> dict[str, Said]:
    """Return what holds for every wave, said or as it is."""
    said = {wave.name: wave for wave in wish.waves}
    known = {wave.name: _as_it_is(state, wave, count=wish.count and not said) for wave in state.waves}
    if odd := said.keys() - known.keys():
        names = ", ".join(known)
        raise UsageError(f"{state.channel} has no wave {min(odd)!r}", f"one of: {names}")
    last = state.waves[-1].name
    if said.get(last, known[last]).percent is None:
        raise UsageError(
            f"{last} is everybody else: nobody is counted into it", f"--wave {last}=rest, or nothing"
        )
    if wish.count and not said and not any(one.count for one in known.values()):
        hint = "say how many: --count --wave canary=1 --wave early=3"
        raise UsageError("no wave has hosts by name, so there is no number to keep", hint)
    return {**known, **said}


def _as_it_is(state: State, wave: Wave, *, count: bool) -> Said:
    percents = {share.name: share.percent for share in state.policy.waves}
    shared = any(is_share(route) or route == places.DEFAULT_ROUTE for route in wave.routes)
    own = by_name(wave)
    return Said(
        wave.name,
        percents.get(wave.name) if shared else None,
        count=len(own) if count and own and not shared else None,
    )


def _seats(state: State, wish: Wish, said: Mapping[str, Said], percents: Sequence[str]) -> Seats:
    """Return the waves as they are said, with the hosts that are in them by name before any are counted."""
    fine = any(len(route) > wish.digits for wave in state.waves for route in wave.routes if is_share(route))
    shares = places.wave_routes(list(percents), places.MAX_PREFIX_DIGITS if fine else wish.digits)
    asked = {wave.name for wave in wish.waves}
    called = {places.own_digits(host) for one in said.values() for host in one.hosts}
    opened, named = {}, {}
    for wave, share in zip(state.waves, shares, strict=True):
        one = said[wave.name]
        rings = [route for route in wave.routes if route.startswith("ring-")]
        opened[wave.name] = [*rings, *share]
        mine = [places.own_digits(host) for host in one.hosts]
        stays = one.count is not None or wave.name not in asked
        named[wave.name] = mine or [own for own in by_name(wave) if stays and own not in called]
    return Seats(state.policy.salt, [wave.name for wave in state.waves], opened, named)


def _refuse_lost(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> None:
    for name, routes in after.items():
        if before[name] and not routes:
            hint = "name at least one host, or give it a share; the roster may have nobody to spare"
            raise UsageError(f"{name} would have no host and no way to one", hint)
    hosts = sum(is_own(route) for routes in after.values() for route in routes)
    if hosts > MOST:
        text = f"{hosts:,} hosts are too many to be in waves by name; {MOST:,} are the most"
        raise UsageError(text, "give the wave a share: --wave canary=5")


def _order(state: State, name: str) -> Order | None:
    """Return what a wave is ordered; one that never had a host has what everybody else has."""
    found = {wave.name: wave.order for wave in state.waves}
    rest = found[state.waves[-1].name]
    return found[name] or (rest and replace(rest, wave=name, evidence=None))
