"""The page of the fleet: which versions run, what hosts are doing, and how that changed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from repo_tools.pages.heard import Heard
from repo_tools.pages.model import ChannelFleet, Layer, Part, Timeline

STATES = {
    "current": "current",
    "waiting": "to come",
    "updating": "updating",
    "trial": "on trial",
    "back": "rolled back",
    "failed": "failed",
    "silent": "silent",
}
"""What present hosts may be doing, with its words, in the order of bars."""
HOURLY_UP_TO = timedelta(days=4)
DAYS = 30
"""How far back versions are drawn."""
MOST_LAYERS = 6
"""Versions that are told apart; the others are one layer."""
OTHERS = "others"
_COUNTS = "SELECT product, channel, state, count(*) FROM standing GROUP BY ALL"
_VERSIONS = """
SELECT product, channel, coalesce(running, 'nothing'), count(*) AS hosts FROM standing
WHERE presence = 'present' GROUP BY ALL ORDER BY hosts DESC, 3
"""
Moves = dict[str, dict[str, dict[str, int]]]
"""By channel, version and time."""


def fleets(heard: Heard, pages: Mapping[str, str]) -> list[ChannelFleet]:
    """Return the hosts of every channel.

    Args:
        heard: The lake, in which it was worked out what each host does.
        pages: The channels, each with its rollout's page.
    """
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for product, channel, state, number in heard.rows(_COUNTS):
        counts[f"{product}/{channel}"][state] = number
    versions = defaultdict(list)
    for product, channel, version, number in heard.rows(_VERSIONS):
        versions[f"{product}/{channel}"].append((str(version), number))
    drawn = _timelines(heard, list(pages))
    return [
        ChannelFleet(
            channel=channel,
            page=page,
            present=sum(counts[channel].get(kind, 0) for kind in STATES),
            absent=counts[channel].get("absent", 0),
            gone=counts[channel].get("left", 0) + counts[channel].get("forgotten", 0),
            states=tuple(Part(kind, label, counts[channel].get(kind, 0)) for kind, label in STATES.items()),
            versions=tuple(versions[channel]),
            timeline=drawn[channel],
        )
        for channel, page in pages.items()
    ]


def _timelines(heard: Heard, channels: Sequence[str]) -> dict[str, Timeline]:
    first, last = heard.span()
    hourly = first is not None and last is not None and last - first <= HOURLY_UP_TO
    bins = _bins(first, last, hourly=hourly) if first and last else []
    moves = _moves(heard, hourly=hourly)
    return {channel: _timeline(moves.get(channel, {}), bins, hourly=hourly) for channel in channels}


def _moves(heard: Heard, *, hourly: bool) -> Moves:
    found: Moves = defaultdict(lambda: defaultdict(dict))
    for row in heard.named("moves", length=13 if hourly else 10):
        found[f"{row['product']}/{row['channel']}"][row["version"]][row["moment"]] = row["hosts"]
    return found


def _bins(first: datetime, last: datetime, *, hourly: bool) -> list[datetime]:
    """Return the hours or days from the first report to the last, the newest of them."""
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    end = last.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    end = end if hourly else end.replace(hour=0)
    begin = first if hourly else max(first, last - timedelta(days=DAYS))
    count = max(1, -((begin - end) // step))
    return [end - step * back for back in range(count, -1, -1)]


def _timeline(moves: Mapping[str, Mapping[str, int]], bins: Sequence[datetime], *, hourly: bool) -> Timeline:
    layers = sorted(_layers(moves, bins, hourly=hourly), key=lambda one: -max(one.counts, default=0))
    most, rest = layers[:MOST_LAYERS], layers[MOST_LAYERS:]
    if rest:
        sums = tuple(map(sum, zip(*(layer.counts for layer in rest), strict=True)))
        most = [*most, Layer(OTHERS, sums)]
    return Timeline(tuple(bins), hourly, tuple(most))


def _layers(
    moves: Mapping[str, Mapping[str, int]], bins: Sequence[datetime], *, hourly: bool
) -> Iterator[Layer]:
    """Yield each version with its hosts at the end of every bin."""
    marks = [f"{at:%Y-%m-%dT%H}" if hourly else f"{at:%Y-%m-%d}" for at in bins]
    for version, steps in moves.items():
        counts, hosts = [], sum(number for at, number in steps.items() if marks and at < marks[0])
        for mark in marks:
            hosts += steps.get(mark, 0)
            counts.append(hosts)
        yield Layer(version, tuple(counts))
