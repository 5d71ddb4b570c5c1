"""Seats in waves: whoever is there keeps his, nobody has two, and asking again changes nothing."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from metadata import places
from repo_tools.collect.placing import Map
from repo_tools.collect.roster import Member
from repo_tools.waves.filling import Seats, filled

WAVES = ("canary", "early", "full")
OPEN = {"canary": ["ring-staging"], "early": places.cover(0, 410), "full": ["default"]}


@st.composite
def rosters(draw):
    """Return hosts, some of which are gone, pinned, in a ring or in a cohort."""
    names = draw(st.sets(st.integers(0, 10_000), max_size=40))
    return [
        Member(
            agent=f"host-{name}",
            wave="",
            presence=draw(st.sampled_from(["present", "present", "absent", "forgotten"])),
            running="1.4.2",
            rollout="",
            stage="",
            outcome="",
            reason="",
            failure="",
            rule=draw(st.sampled_from(["", "", "pinned"])),
            labels={},
            heard="",
            ring=draw(st.sampled_from([None, None, None, "staging", "other"])),
            cohort_id=draw(st.sampled_from([None, None, "cluster-1"])),
        )
        for name in sorted(names)
    ]


counts = st.fixed_dictionaries({"canary": st.integers(1, 8), "early": st.integers(1, 8)})


def seats(salt, named=None):
    """Return the waves with nobody in them by name, or with whom is said."""
    return Seats(salt, WAVES, OPEN, {wave: (named or {}).get(wave, []) for wave in WAVES})


def standing(found, members):
    """Return the wave of every host."""
    routes = {route: wave for wave, routes in found.routes().items() for route in routes}
    return {one.agent: Map(found.salt, routes).wave(one.agent, one.standing) for one in members}


@settings(max_examples=200, deadline=None)
@given(st.text("abc", max_size=4), rosters(), counts)
def test_seats_are_filled_once_and_for_all(salt, members, wanted):
    """Hosts that are there have one seat at most, no wave more than was asked for, and then it is settled."""
    found = filled(seats(salt), wanted, members)
    present = {places.own_digits(one.agent) for one in members if one.presence == "present"}
    taken = [own for wave in WAVES for own in found.named[wave]]
    assert len(set(taken)) == len(taken)
    assert set(taken) <= present
    assert all(len(found.named[wave]) <= number for wave, number in wanted.items())
    assert filled(found, wanted, members) == found


@settings(max_examples=200, deadline=None)
@given(st.text("abc", max_size=4), rosters(), counts, st.data())
def test_who_is_there_stays(salt, members, wanted, data):
    """When some hosts go and none come, nobody else loses a seat."""
    found = filled(seats(salt), wanted, members)
    gone = data.draw(st.sets(st.sampled_from([one.agent for one in members]))) if members else set()
    left = [replace(one, presence="left") if one.agent in gone else one for one in members]
    after = filled(found, wanted, left)
    away = {places.own_digits(one) for one in gone}
    for wave in wanted:
        kept = [own for own in found.named[wave] if own not in away]
        assert after.named[wave][: len(kept)] == kept


@settings(max_examples=200, deadline=None)
@given(st.text("abc", max_size=4), rosters(), counts)
def test_nobody_is_taken_from_a_wave_before(salt, members, wanted):
    """Hosts come from the waves that follow; rings and shares of earlier ones are left as they are."""
    before = standing(seats(salt), members)
    after = standing(filled(seats(salt), wanted, members), members)
    assert all(WAVES.index(after[host]) <= WAVES.index(wave) for host, wave in before.items())
