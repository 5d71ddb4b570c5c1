"""Starts in a wave: uniform over the spread, also with windows and after a pause, and never early.

A well-known peer released two fifths of its fleet in one second after a pause. These tests count seconds.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from metadata.documents import Brake
from metadata.schedule import FOREVER, starts_at, whole
from metadata.windows import Window, next_span
from tests.metadata.given import (
    HOST,
    NOON,
    ZONES,
    World,
    an_order,
    first_start,
    moments,
    windows,
    zones,
)

AGENTS = 2400
NIGHT = Window.parse("02:00-05:00")


def starts(world: World) -> list[float]:
    """Return when each agent of a fleet starts, in seconds after noon, sorted."""
    found = (first_start(world, f"host-{number}") for number in range(AGENTS))
    return sorted((moment - NOON).total_seconds() for moment in found)


def assert_uniform(found: Sequence[float], first: float, spread_s: float) -> None:
    """Check a fleet's starts against the uniform distribution: nothing outside, no gap, no crowd."""
    assert first <= found[0]
    assert found[-1] <= first + spread_s
    shares = [(moment - first) / spread_s for moment in found]
    steps = enumerate(shares, start=1)
    distance = max(max(at / len(found) - share, share - (at - 1) / len(found)) for at, share in steps)
    assert distance < 2.23 / sqrt(len(found))  # Kolmogorov-Smirnov: exceeded once in 10,000 seeds
    assert_no_crowd(found, spread_s)


def assert_no_crowd(found: Sequence[float], spread_s: float) -> None:
    """Check that no second holds more than chance would put there."""
    expected = len(found) / spread_s
    busiest = max(Counter(int(moment) for moment in found).values())
    assert busiest <= expected + 6 * sqrt(expected) + 2


def test_starts_are_uniform_over_the_spread():
    """An hour's spread holds as many starts in each minute."""
    assert_uniform(starts(World(order=an_order("1.5.0", spread_s=3600))), 0, 3600)


def test_starts_are_uniform_in_a_window():
    """A host that waits for its window spreads from the opening and not all at once."""
    world = World(host=structs.replace(HOST, windows=(NIGHT,)), order=an_order("1.5.0", spread_s=3600))
    assert_uniform(starts(world), 14 * 3600, 3600)


def test_a_window_is_used_to_its_half():
    """A spread of a day in a window of three hours takes an hour and a half."""
    world = World(host=structs.replace(HOST, windows=(NIGHT,)), order=an_order("1.5.0", spread_s=86_400))
    assert_uniform(starts(world), 14 * 3600, 5400)


def test_the_rest_of_a_closing_window_is_carried_to_the_next():
    """An order ten minutes before the end of a window starts its share, and the others the next day."""
    before_end = NOON.replace(hour=4, minute=50)
    world = World(
        host=structs.replace(HOST, windows=(NIGHT,)),
        order=an_order("1.5.0", spread_s=3600, not_before=before_end),
        issued=before_end,
        now=before_end,
    )
    found = [second + (NOON - before_end).total_seconds() for second in starts(world)]
    today = [second for second in found if second < 600]
    assert abs(len(today) - AGENTS / 6) <= 5 * sqrt(AGENTS * 5 / 36)
    assert_uniform(today, 0, 600)
    opening = (24 * 60 - 170) * 60
    assert_uniform([second for second in found if second >= 600], opening + 600, 3000)


def test_starts_are_uniform_after_a_pause():
    """When the brake is lifted after ten minutes, what had not started spreads from there."""
    lifted = NOON + timedelta(hours=5)
    order = an_order("1.5.0", spread_s=3600)
    agents = [f"host-{number}" for number in range(AGENTS)]
    left = [one for one in agents if first_start(World(order=order), one) >= NOON + timedelta(minutes=10)]
    after = World(order=order, brake=Brake(since=lifted), issued=lifted, now=lifted)
    found = sorted((first_start(after, agent) - lifted).total_seconds() for agent in left)
    assert_uniform(found, 600, 3000)


def test_an_order_that_is_resumed_spreads_anew():
    """A pause by order ends with a new beginning, hours later, and nobody rushes."""
    resumed = NOON + timedelta(hours=5)
    world = World(order=an_order("1.5.0", spread_s=3600, not_before=resumed), now=resumed)
    assert_uniform(starts(world), 5 * 3600, 3600)


@settings(max_examples=300, deadline=None)
@given(
    moments,
    st.integers(0, 2**53 - 1),
    st.integers(0, 2**32 - 1),
    st.lists(windows(), max_size=2).map(tuple),
    zones,
    moments,
)
def test_no_start_is_before_its_anchor(anchor, spread_s, ticks, some_windows, zone, now):
    """Whatever windows, zones and clocks say, up to the ends of the calendar."""
    assert starts_at(anchor, spread_s, ticks / 2**32, some_windows, zone, now) >= anchor


@settings(max_examples=300, deadline=None)
@given(windows(), st.integers(0, 10**7), st.text("abc019", min_size=1), st.integers(0, 10**7), zones)
def test_every_host_starts_inside_its_window(window, spread_s, agent_id, offset_s, zone):
    """A host that asks again when it was told to starts after the order's time, with its window open."""
    anchor = NOON + timedelta(seconds=offset_s)
    world = World(
        host=structs.replace(HOST, windows=(window,), zone=zone),
        order=an_order("1.5.0", spread_s=spread_s, not_before=anchor),
    )
    start = first_start(world, agent_id)
    span = next_span((window,), start, zone)
    assert start >= anchor
    assert span is not None
    assert span.opens_at <= start < span.closes_at


@pytest.mark.parametrize("zone", ZONES)
def test_a_clock_change_makes_no_crowd(zone):
    """On the days when clocks change a window's starts are as even as on others."""
    for month, day in ((3, 28), (10, 24)):
        anchor = datetime(2026, month, day, 12, tzinfo=zone)
        window = (Window.parse("01:30-05:00"),)
        found = [starts_at(anchor, 3600, tick / AGENTS, window, zone) for tick in range(AGENTS)]
        seconds = [(moment - found[0]).total_seconds() for moment in found]
        assert_uniform(seconds, 0, 3600)


def test_a_turn_that_falls_on_the_end_of_a_window_comes_in_the_next():
    """A window is over at its last moment: who would start then starts in the night after."""
    late, tomorrow = NOON.replace(hour=4), NOON.replace(hour=2) + timedelta(days=1)
    assert starts_at(late, 5400, 2 / 3, (NIGHT,)) == tomorrow + timedelta(hours=1)
    assert starts_at(late, 5400, 0.6, (NIGHT,)) == late + timedelta(minutes=54)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_start_is_told_to_the_second_and_never_as_earlier(moment):
    """Whoever comes at the second that was told is not sent away again; only the calendar's end is cut."""
    told = whole(moment)
    assert told.microsecond == 0
    assert timedelta() <= told - moment < timedelta(seconds=1) or told == FOREVER.replace(microsecond=0)
