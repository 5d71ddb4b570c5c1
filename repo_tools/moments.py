"""Times and durations as people type them."""

import re
from datetime import UTC, datetime, timedelta

from metadata.errors import UsageError

_SPAN = re.compile(r"\+?(\d{1,12})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_S = 36_500 * 86_400
"""Every calendar can still count it from today, forth and back."""
_HINT = "write a UTC time such as 2026-11-22T12:00:00Z, or a span such as 30m, 12h, 7d"


def moment(text: str, start: datetime) -> datetime:
    """Return the time that ``text`` names; a span counts from ``start``.

    Raises:
        UsageError: It names none.
    """
    if text == "now":
        return start
    try:
        if _SPAN.fullmatch(text):
            return start + timedelta(seconds=seconds(text))
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise UsageError(f"time {text!r} does not say its zone", _HINT)
        return found.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"not a time: {text!r}", _HINT) from error


def seconds(text: str) -> int:
    """Return the seconds of a span such as ``90``, ``30m`` or ``7d``.

    Raises:
        UsageError: It is none.
    """
    match = _SPAN.fullmatch(f"{text}s" if text.isascii() and text.isdigit() else text)
    if match is None:
        raise UsageError(f"not a span of time: {text!r}", _HINT)
    found = int(match[1]) * _SECONDS[match[2]]
    if found > _LONGEST_S:
        raise UsageError(f"too long a span: {text!r}", "a hundred years are the most")
    return found
