"""Maintenance windows: when a host lets updates start, in its own time zone.

``Mon-Fri 02:00-05:00``, ``Sat,Sun 00:00-24:00``, ``22:00-02:00`` (every day, over midnight).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo

import msgspec

from metadata.errors import MalformedError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(
    r"(?:(?P<days>[A-Za-z]{3}(?:[-,][A-Za-z]{3})*) +)?(?P<h1>\d\d):(?P<m1>\d\d)-(?P<h2>\d\d):(?P<m2>\d\d)",
    re.ASCII,
)
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)  # room for date arithmetic
_HINT = 'write it like "Mon-Fri 02:00-05:00"'


class Span(msgspec.Struct, frozen=True):
    """One occurrence of a window, in UTC."""

    opens_at: datetime
    closes_at: datetime

    @property
    def length(self) -> timedelta:
        """How long it is open."""
        return self.closes_at - self.opens_at


class Window(msgspec.Struct, frozen=True):
    """A window that recurs every week."""

    days: frozenset[int]
    """Weekdays on which it opens, Monday is 0."""
    opens: time
    minutes: int
    """How long it stays open."""

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Return the window that ``text`` describes.

        Raises:
            MalformedError: It describes none.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise MalformedError(f"not a maintenance window: {text!r}", _HINT)
        start = _minute(match["h1"], match["m1"], text)
        end = _minute(match["h2"], match["m2"], text)
        if start in (end, 24 * 60):
            raise MalformedError(f"maintenance window {text!r} is never open", _HINT)
        opens = time(start // 60, start % 60)
        return cls(_days(match["days"], text), opens, (end - start) % (24 * 60) or 24 * 60)

    def spans(self, after: datetime, zone: tzinfo) -> Iterator[Span]:
        """Yield the occurrences that are not over at ``after``, in order, for the next nine days."""
        first = after.astimezone(zone).date() - timedelta(days=1)
        for ahead in range(10):
            day = first + timedelta(days=ahead)
            if day.weekday() not in self.days:
                continue
            local = datetime.combine(day, self.opens)
            opens_at = _instant(local, zone)
            closes_at = _instant(local + timedelta(minutes=self.minutes), zone)
            if closes_at > max(after, opens_at):  # a clock change can swallow a short window
                yield Span(opens_at, closes_at)


def next_span(windows: tuple[Window, ...], after: datetime, zone: tzinfo) -> Span | None:
    """Return the window that is open at ``after`` or opens next; None for no windows."""
    soon = min(max(after, _FIRST), _LAST)
    found = [span for window in windows for span in window.spans(soon, zone)]
    return min(found, key=lambda span: (span.opens_at, span.closes_at), default=None)


def _instant(local: datetime, zone: tzinfo) -> datetime:
    """Return a local time in UTC: the first of two, or the moment of the clock change that skips it."""
    low, high = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    offset = local.replace(tzinfo=zone).utcoffset()
    while high - low > timedelta(seconds=1):  # only where the clock skips: low is before the change, high not
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _minute(hours: str, minutes: str, text: str) -> int:
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > 24 * 60:
        raise MalformedError(f"no such time of day in window {text!r}", _HINT)
    return minute


def _days(text: str | None, window: str) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.lower().split(","):
        ends = part.split("-")
        if len(ends) > 2 or any(end not in DAYS for end in ends):
            raise MalformedError(f"no such days in window {window!r}", _HINT)
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        found |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    return frozenset(found)
