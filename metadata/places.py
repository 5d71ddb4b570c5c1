"""Where an agent stands in a channel, and the routes on which it looks for its order.

Routes work like IP routes: the longest match wins. A wave's share of the fleet is the minimal set of
hex prefixes that covers a range of places, as a CIDR block list covers a range of addresses.
"""

from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256

PICK_DIGITS = 16
"""Digits of an agent's own routes: 64 bits, no collisions worth fearing below a billion agents."""
MAX_PREFIX_DIGITS = 4
"""The longest prefix that agents ask for: 65,536 shares, for fleets where 1 in 4,096 is too coarse."""
DEFAULT_ROUTE = "default"
SELECTED_WAVE = "selected"


def place(salt: str, placed_id: str) -> str:
    """Return an agent's place in a channel: 64 lower-case hex digits, uniform over agents.

    Args:
        salt: The channel's.
        placed_id: The agent's id, or that of the cohort whose place it takes.
    """
    return sha256(f"{salt}/{placed_id}".encode()).hexdigest()


def fraction(place_hex: str) -> float:
    """Return when in its wave the agent at ``place_hex`` starts, in [0, 1).

    Digits 16 to 23 are used, so that the fraction is independent of the wave, which digits 0 to 3 choose.
    """
    return int(place_hex[16:24], 16) / 2**32


def own_digits(agent_id: str) -> str:
    """Return the 16 hex digits that name one agent in routes, the same under every salt."""
    return sha256(agent_id.encode()).hexdigest()[:PICK_DIGITS]


def pick_route(agent_id: str) -> str:
    """Return the route on which a batch reaches this agent alone."""
    return f"pick-{own_digits(agent_id)}"


def routes(salt: str, agent_id: str, ring: str | None = None, *, cohort_id: str | None = None) -> list[str]:
    """Return the routes that an agent asks for, the most specific first; the first that exists wins.

    A cohort shares the place of its id. What is ordered to one agent by its name stays its own.
    """
    here = place(salt, cohort_id or agent_id)
    rings = [f"ring-{ring}"] if ring else []
    prefixes = [here[:digits] for digits in range(MAX_PREFIX_DIGITS, 0, -1)]
    return [pick_route(agent_id), own_digits(agent_id), *rings, *prefixes, DEFAULT_ROUTE]


def share(percent: str, digits: int = 3) -> int:
    """Return how many of the 16**digits places a cumulative percentage covers, rounded half up.

    >>> share("5"), share("25"), share("100")
    (205, 1024, 4096)
    """
    exact = Decimal(percent) * 16**digits / 100
    return int(exact.to_integral_value(rounding=ROUND_HALF_UP))


def cover(start: int, end: int, digits: int = 3) -> list[str]:
    """Return the minimal list of hex prefixes that covers the places ``start`` to ``end - 1``.

    Args:
        start: First place, counted in units of ``16**-digits`` of the fleet.
        end: One past the last place.
        digits: Resolution: 3 for shares of 4,096, 4 for shares of 65,536.

    Returns:
        Prefixes in ascending order, disjoint and exact; ``[""]``, which is no route, for everything.
    """
    if start >= end:
        return []
    if start == 0 and end == 16**digits:
        return [""]
    size = 16 ** (digits - 1)
    found = []
    for digit in range(16):
        low, high = digit * size, (digit + 1) * size
        inside = cover(max(start, low) - low, min(end, high) - low, digits - 1)
        found += [f"{digit:x}{rest}" for rest in inside]
    return found


def wave_routes(bounds: list[str], digits: int = 3) -> list[list[str]]:
    """Return the routes of each wave for cumulative percentages; the last wave takes the default route.

    >>> [len(found) for found in wave_routes(["5", "25", "100"])]
    [25, 9, 1]
    """
    ends = [share(percent, digits) for percent in bounds]
    starts = [0, *ends[:-1]]
    ranges = [cover(start, end, digits) for start, end in zip(starts, ends, strict=True)]
    whole = [f"{digit:x}" for digit in range(16)]  # agents ask for one digit at least
    return [*(whole if found == [""] else found for found in ranges[:-1]), [DEFAULT_ROUTE]]
