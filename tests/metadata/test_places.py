"""Places, covers and routes: a wave is what its percentage says, for every agent, and nothing twice."""

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadata import places

HEX = "0123456789abcdef"
agent_ids = st.text("abcXYZ019._-", min_size=1, max_size=64)
shares = st.integers(0, 4096)


def brute_force_cover(start: int, end: int, digits: int) -> set[str]:
    """Return the minimal cover by the definition: whole prefixes that no shorter whole prefix contains."""

    def whole(prefix: str) -> bool:
        unit: int = 16 ** (digits - len(prefix))
        first = int(prefix or "0", 16) * unit
        return start <= first and first + unit <= end

    found: set[str] = set()
    level = [""]
    while level:
        found |= {prefix for prefix in level if whole(prefix)}
        level = [f"{prefix}{digit}" for prefix in level if not whole(prefix) for digit in HEX]
        level = [prefix for prefix in level if len(prefix) <= digits]
    return found


@given(shares, shares)
def test_a_cover_is_exact_disjoint_and_minimal(start, end):
    """A cover is what brute force finds: every place of the range once, and no shorter list does it."""
    found = places.cover(start, end)
    covered = [place for prefix in found for place in _places(prefix, 3)]
    assert covered == list(range(start, end))
    assert set(found) == brute_force_cover(start, end, 3)


def _places(prefix: str, digits: int) -> range:
    unit = 16 ** (digits - len(prefix))
    first = int(prefix or "0", 16) * unit
    return range(first, first + unit)


@pytest.mark.parametrize(("start", "end"), [(0, 65_536), (1, 65_535), (3277, 16_384), (7, 7)])
def test_a_cover_of_a_large_fleet_is_exact(start, end):
    """With four digits a share is one in 65,536."""
    covered = [place for prefix in places.cover(start, end, 4) for place in _places(prefix, 4)]
    assert covered == list(range(start, end))


def longest_match(table: list[list[str]], routes: list[str]) -> list[int]:
    """Return the waves that have an agent's most specific route."""
    route = next(route for route in routes if any(route in wave for wave in table))
    return [number for number, wave in enumerate(table) if route in wave]


percent_lists = st.lists(st.decimals(0, 100, places=2).map(str), min_size=1, max_size=6, unique=True).map(
    lambda found: sorted(found, key=float)
)


@given(percent_lists, agent_ids, st.text(max_size=8), st.sampled_from([3, 4]))
def test_an_agent_is_in_exactly_one_wave(percents, agent_id, salt, digits):
    """Whatever the list of waves, one wave or the default route answers, and it is the one of the share."""
    waves = places.wave_routes(percents, digits)
    routes = places.routes(salt, agent_id)
    matching = [number for number, wave in enumerate(waves) if set(wave) & set(routes[:-1])]
    assert len(matching) <= 1
    position = int(places.place(salt, agent_id)[:digits], 16)
    ends = [places.share(percent, digits) for percent in percents[:-1]]
    assert longest_match(waves, routes) == [sum(end <= position for end in ends)]


def test_a_wave_of_everybody_before_the_last_has_routes_that_agents_ask_for():
    """A share of 100 % is sixteen digits and not the empty prefix, which nobody asks for."""
    waves = places.wave_routes(["100", "100"])
    assert longest_match(waves, places.routes("salt", "host-1")) == [0]


@given(agent_ids, st.text(max_size=8))
def test_the_longest_prefix_wins(agent_id, salt):
    """Routes go from the agent's own to everybody's, each prefix of its place one digit shorter."""
    routes = places.routes(salt, agent_id, ring="staging")
    here = places.place(salt, agent_id)
    own = places.own_digits(agent_id)
    assert routes == [f"pick-{own}", own, "ring-staging", here[:4], here[:3], here[:2], here[:1], "default"]
    table = [["default"], [here[0]], [here[:3]], [here[:2]]]
    assert longest_match(table, routes) == [2]


def test_agents_fall_on_waves_as_the_percentages_say():
    """100,000 agents: each wave holds its share within five standard deviations."""
    agents = 100_000
    percents = ["5", "25", "100"]
    waves = places.wave_routes(percents)
    number_of = {route: number for number, wave in enumerate(waves) for route in wave}
    counts = [0, 0, 0]
    for agent in range(agents):
        routes = places.routes("7f3a", f"host-{agent}")
        counts[next(number_of[route] for route in routes if route in number_of)] += 1
    ends = [places.share(percent) / 4096 for percent in percents]
    for count, share in zip(counts, [ends[0], ends[1] - ends[0], ends[2] - ends[1]], strict=True):
        assert abs(count - agents * share) <= 5 * sqrt(agents * share * (1 - share))


def test_the_fraction_is_uniform_and_independent_of_the_wave():
    """Every tenth of the spread holds a tenth of the agents, of all and of those in the first wave."""
    here = [places.place("7f3a", f"host-{agent}") for agent in range(100_000)]
    for group in (here, [place for place in here if int(place[:3], 16) < 205]):
        expected = len(group) / 10
        counts = [0] * 10
        for place in group:
            counts[int(places.fraction(place) * 10)] += 1
        statistic = sum((count - expected) ** 2 / expected for count in counts)
        assert statistic < 33.7  # chi-square with 9 degrees of freedom exceeds this once in 10,000 seeds


def test_the_design_s_example_holds():
    """Cumulative 5, 25 and 100 % take 25, 9 and 1 routes."""
    assert [len(wave) for wave in places.wave_routes(["5", "25", "100"])] == [25, 9, 1]
