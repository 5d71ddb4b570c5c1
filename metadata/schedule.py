"""When a host may start: uniform over the spread, whatever windows and pauses say.

Pure arithmetic on UTC times; results saturate at the ends of the calendar instead of failing.
"""

from datetime import UTC, datetime, timedelta, tzinfo

from metadata.windows import Span, Window, next_span

FOREVER = datetime.max.replace(tzinfo=UTC)
BEGINNING = datetime.min.replace(tzinfo=UTC)


def later(moment: datetime, seconds: float) -> datetime:
    """Return ``moment`` plus some seconds, or the end of the calendar."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return FOREVER


def whole(moment: datetime) -> datetime:
    """Return the first whole second that is not before ``moment``: no start is told as earlier than it is."""
    second = moment.replace(microsecond=0)
    return second if second == moment else later(second, 1).replace(microsecond=0)


def starts_at(
    anchor: datetime,
    spread_s: int,
    fraction: float,
    windows: tuple[Window, ...] = (),
    zone: tzinfo = UTC,
    now: datetime = BEGINNING,
) -> datetime:
    """Return the earliest moment at which a host may start, in UTC.

    Args:
        anchor: When the first host may start: the later of ``not_before`` and the brake's ``since``.
        spread_s: Over how many seconds hosts start; at most half of a window is used, so that a
            host which polls late still finds the window open.
        fraction: The host's part of the spread, in [0, 1).
        windows: The host's maintenance windows; none means always open.
        zone: The host's time zone.
        now: The present; windows that are over by then are left out.
    """
    span = next_span(windows, max(anchor, now), zone)
    if span is None:
        return later(anchor, spread_s * fraction)
    start = _within(span, anchor, spread_s, fraction)
    following = next_span(windows, span.closes_at, zone)
    if start >= span.closes_at and following is not None:
        return _within(following, anchor, spread_s, fraction)
    return start


def _within(span: Span, anchor: datetime, spread_s: int, fraction: float) -> datetime:
    spread = min(float(spread_s), span.length.total_seconds() / 2)
    return later(max(anchor, span.opens_at), spread * fraction)
