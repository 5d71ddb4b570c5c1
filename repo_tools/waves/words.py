"""Who is in which wave, and what a change of waves would change, in words. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from metadata import places
from repo_tools.collect.placing import map_of
from repo_tools.collect.roster import Member
from repo_tools.output import Answer, Sheet, counted
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, is_own
from repo_tools.rollouts.tables import share_text
from repo_tools.waves.reshaping import by_name
from repo_tools.waves.said import Said

_NO_LAKE = (
    "who is in them by share is not known before anything was collected: tidegate fleet collect LOCATION"
)


def shown(state: State, members: Sequence[Member] | None, ids: Collection[str] = ()) -> Answer:
    """Return a channel's waves with their hosts.

    Args:
        state: The channel.
        members: The roster; None: nothing was collected.
        ids: Hosts that somebody named, whether they were heard of or not.
    """
    known = {**named(ids), **names(members or ())}
    found = hosts(state, members) if members is not None else None
    data = [
        {
            "name": wave.name,
            "share": share_text(state, wave.name),
            "hosts": found[wave.name] if found else None,
            "by_name": [known.get(own, own) for own in by_name(wave)],
            "rings": [route.removeprefix("ring-") for route in wave.routes if route.startswith("ring-")],
        }
        for wave in state.waves
    ]
    rows = [[*_cells(one)] for one in data]
    sheet = Sheet(["wave", "share", "hosts", "by name", "rings"], rows, str(state.channel), spare=["rings"])
    return Answer({"channel": str(state.channel), "waves": data}, [sheet, *([] if found else [_NO_LAKE])])


def hosts(state: State, members: Sequence[Member]) -> Counter[str]:
    """Return how many hosts that are there each wave has."""
    waves = map_of(state)
    present = [one for one in members if one.presence == "present"]
    return Counter(waves.wave(one.agent, one.standing) or "" for one in present)


def names(members: Sequence[Member]) -> dict[str, str]:
    """Return the ids of hosts by the digits that name them in routes."""
    return named([one.agent for one in members])


def named(ids: Collection[str]) -> dict[str, str]:
    """Return ids by the digits that name them in routes."""
    return {places.own_digits(one): one for one in ids}


def moves(state: State, change: Change, members: Sequence[Member], ids: Collection[str] = ()) -> list[str]:
    """Return a sentence for each wave whose hosts by name, or whose share, would be others."""
    known = {**named(ids), **names(members)}
    gone = {one.agent: one.presence for one in members if one.presence != "present"}
    told = []
    for wave in state.waves:
        after = [route for route in change.routes.get(wave.name, wave.routes) if is_own(route)]
        before = by_name(wave)
        gains = [known.get(own, own) for own in after if own not in before]
        losses = [known.get(own, own) for own in before if own not in after]
        lost = [f"{one} ({gone[one]})" if one in gone else one for one in losses]
        parts = [f"{word} {', '.join(some)}" for word, some in (("gains", gains), ("loses", lost)) if some]
        told += [f"{wave.name} {' and '.join(parts)}"] if parts else []
    return told


def shortfalls(state: State, said: Sequence[Said], members: Sequence[Member]) -> list[str]:
    """Return a sentence for each wave that has fewer hosts than were asked for."""
    found = hosts(state, members)
    return [
        f"{one.name} has {counted(found[one.name], 'host')}, not {one.count}: the roster has no more to spare"
        for one in said
        if one.count is not None and found[one.name] < one.count
    ]


def _cells(one: Mapping[str, Any]) -> list[str]:
    many = "-" if one["hosts"] is None else f"{one['hosts']:,}"
    return [one["name"], one["share"], many, ", ".join(one["by_name"]) or "-", ", ".join(one["rings"]) or "-"]
