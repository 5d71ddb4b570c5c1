"""The page of the fleet: which versions run, what hosts are doing, and how that changed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from repo_tools.pages.heard import Heard
from repo_tools.pages.model import ChannelFleet, Layer, Part, Timeline
from repo_tools.words.text import cut

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
KINDS = STATES | {"absent": "not waited for", "left": "left", "forgotten": "forgotten"}
"""What any host may be doing."""
SCALES = (
    (timedelta(hours=2), timedelta(minutes=1), "%Y-%m-%dT%H:%M"),
    (timedelta(days=4), timedelta(hours=1), "%Y-%m-%dT%H"),
    (timedelta.max, timedelta(days=1), "%Y-%m-%d"),
)
"""Up to which span how often hosts are counted, and how reports write such a time."""
DAYS = 30
"""How far back versions are drawn."""
SETTLED = timedelta(days=2)
"""How long before that reports are read, so that every host that says something daily is counted."""
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
        versions[f"{product}/{channel}"].append((cut(version), number))
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


@dataclass(frozen=True)
class _Scale:
    """The times at which hosts are counted."""

    at: tuple[datetime, ...] = ()
    step: timedelta = timedelta(days=1)
    form: str = "%Y-%m-%d"

    @property
    def marks(self) -> list[str]:
        """The times as reports write them, as far as it takes to tell them apart."""
        return [f"{at:{self.form}}" for at in self.at]


def _scale(first: datetime | None, last: datetime | None) -> _Scale:
    """Return the minutes, hours or days from the first report to the last, so that they are not too many."""
    if first is None or last is None:
        return _Scale()
    step, form = next((step, form) for span, step, form in SCALES if last - first <= span)
    end = datetime.strptime(f"{last.astimezone(UTC):{form}}", form).replace(tzinfo=UTC)
    count = max(1, -((max(first, last - timedelta(days=DAYS)) - end) // step))
    return _Scale(tuple(end - step * back for back in range(count, -1, -1)), step, form)


def _timelines(heard: Heard, channels: Sequence[str]) -> dict[str, Timeline]:
    scale = _scale(*heard.span())
    moves = heard.once("moves", lambda: _moves(heard, scale))  # half of what pages of a large fleet cost
    return {channel: _timeline(moves[channel], scale) for channel in channels}


def _moves(heard: Heard, scale: _Scale) -> Moves:
    found: Moves = defaultdict(lambda: defaultdict(dict))
    since = f"{scale.at[0] - SETTLED:%Y-%m-%d}" if scale.at else ""
    length = len(scale.marks[0]) if scale.at else 0
    for row in heard.named("moves", length=length, since=since):
        found[f"{row['product']}/{row['channel']}"][row["version"]][row["moment"]] = row["hosts"]
    return found


def _timeline(moves: Mapping[str, Mapping[str, int]], scale: _Scale) -> Timeline:
    layers = sorted(_layers(moves, scale.marks), key=lambda one: -max(one.counts, default=0))
    most, rest = layers[:MOST_LAYERS], layers[MOST_LAYERS:]
    if rest:
        sums = tuple(map(sum, zip(*(layer.counts for layer in rest), strict=True)))
        most = [*most, Layer(OTHERS, sums)]
    return Timeline(scale.at, scale.step, tuple(most))


def _layers(moves: Mapping[str, Mapping[str, int]], marks: Sequence[str]) -> Iterator[Layer]:
    """Yield each version with its hosts at the end of every hour or day."""
    for version, steps in moves.items():
        before = sum(number for moment, number in steps.items() if moment < marks[0])
        counts = accumulate((steps.get(mark, 0) for mark in marks), initial=before)
        yield Layer(cut(version), tuple(counts)[1:])
