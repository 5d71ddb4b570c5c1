"""Maintenance windows: what they cover, over midnight, over the week's end, over clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metadata.errors import MalformedError
from metadata.windows import Window, next_span
from tests.metadata.given import NOON, windows, zones

BERLIN = ZoneInfo("Europe/Berlin")
recent = st.integers(-(10**9), 10**9).map(lambda seconds: NOON + timedelta(seconds=seconds))


def opening(text: str, moment: str, zone: ZoneInfo = BERLIN) -> tuple[str, str]:
    """Return the next opening and closing after a local moment, as local times."""
    after = datetime.fromisoformat(moment).replace(tzinfo=zone).astimezone(UTC)
    span = next_span((Window.parse(text),), after, zone)
    assert span is not None
    opens_at, closes_at = span.opens_at.astimezone(zone), span.closes_at.astimezone(zone)
    return f"{opens_at:%a %H:%M}", f"{closes_at:%a %H:%M}"


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("Mon-Fri 02:00-05:00", "2026-11-20T04:59", ("Fri 02:00", "Fri 05:00")),
        ("Mon-Fri 02:00-05:00", "2026-11-20T05:00", ("Mon 02:00", "Mon 05:00")),
        ("Fri-Mon 02:00-05:00", "2026-11-20T05:00", ("Sat 02:00", "Sat 05:00")),
        ("Fri-Mon 02:00-05:00", "2026-11-23T05:00", ("Fri 02:00", "Fri 05:00")),
        ("Sat,Sun 00:00-24:00", "2026-11-21T23:59", ("Sat 00:00", "Sun 00:00")),
        ("Sun 22:00-02:00", "2026-11-23T01:59", ("Sun 22:00", "Mon 02:00")),
        ("Sun 22:00-02:00", "2026-11-23T02:00", ("Sun 22:00", "Mon 02:00")),
        ("mon 02:00-05:00", "2026-11-23T05:00", ("Mon 02:00", "Mon 05:00")),
        ("22:00-02:00", "2026-11-20T12:00", ("Fri 22:00", "Sat 02:00")),
        ("12:00-00:00", "2026-11-20T23:59", ("Fri 12:00", "Sat 00:00")),
    ],
)
def test_the_next_opening_is_the_one_on_the_calendar(text, moment, expected):
    """Closing times are outside, days wrap around the week, hours around midnight."""
    assert opening(text, moment) == expected


@pytest.mark.parametrize(
    ("text", "moment", "expected", "minutes"),
    [
        ("01:00-04:00", "2026-03-29T00:00", ("Sun 01:00", "Sun 04:00"), 120),
        ("01:00-04:00", "2026-10-25T00:00", ("Sun 01:00", "Sun 04:00"), 240),
        ("02:00-03:00", "2026-03-29T00:00", ("Mon 02:00", "Mon 03:00"), 60),
        ("02:30-03:30", "2026-03-29T00:00", ("Sun 03:00", "Sun 03:30"), 30),
        ("01:30-02:30", "2026-03-29T00:00", ("Sun 01:30", "Sun 03:00"), 30),
        ("22:00-02:30", "2026-03-28T23:00", ("Sat 22:00", "Sun 03:00"), 240),
        ("02:00-03:00", "2026-10-25T00:00", ("Sun 02:00", "Sun 03:00"), 120),
        ("01:30-02:30", "2026-10-25T00:00", ("Sun 01:30", "Sun 02:30"), 60),
        ("00:00-24:00", "2026-03-29T00:00", ("Sun 00:00", "Mon 00:00"), 23 * 60),
        ("00:00-24:00", "2026-10-25T00:00", ("Sun 00:00", "Mon 00:00"), 25 * 60),
    ],
)
def test_a_clock_change_moves_no_window_past_the_wall_clock(text, moment, expected, minutes):
    """Hours that the clock skips are in no window, and hours that come twice are open twice."""
    after = datetime.fromisoformat(moment).replace(tzinfo=BERLIN).astimezone(UTC)
    span = next_span((Window.parse(text),), after, BERLIN)
    assert span is not None
    assert opening(text, moment) == expected
    assert span.length == timedelta(minutes=minutes)


@given(windows(), recent, zones)
@example(Window.parse("23:30-00:30"), datetime(2011, 12, 29, 12, tzinfo=UTC), ZoneInfo("Pacific/Apia"))
def test_every_window_opens_within_a_week_in_every_zone(window, after, zone):
    """Whatever clocks do, also where a whole day was skipped, an opening comes and is in order."""
    span = next_span((window,), after, zone)
    assert span is not None
    assert span.opens_at < span.closes_at
    assert after < span.closes_at
    assert span.opens_at <= after + timedelta(days=9)


@given(windows(), recent, zones)
def test_an_opening_is_an_opening_on_the_wall(window, after, zone):
    """The local time of an opening is the one in the settings, or the end of hours that were skipped."""
    span = next_span((window,), after, zone)
    assert span is not None
    local = span.opens_at.astimezone(zone)
    just_before = (span.opens_at - timedelta(minutes=1)).astimezone(zone)
    skipped = just_before.utcoffset() != local.utcoffset()
    assert local.time() == window.opens or skipped


@given(
    windows(),
    st.sampled_from(
        [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)]
    ),
    zones,
)
def test_the_ends_of_the_calendar_are_no_crash(window, after, zone):
    """A clock at year 1 or 9999 still gets an answer."""
    assert next_span((window,), after, zone) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "02:00",
        "02:00-02:00",
        "24:00-02:00",
        "02:00-24:01",
        "02:60-03:00",
        "2:00-3:00",
        "Mon-Fri",
        "Mo 02:00-03:00",
        "Mon-Wed-Fri 02:00-03:00",
        "Mon 02:00-03:00 UTC",
        "٠٢:00-03:00",
    ],
)
def test_a_window_that_says_nothing_clear_is_refused(text):
    """A misspelt window is an error with the right form in its hint, never a window that is always open."""
    with pytest.raises(MalformedError) as caught:
        Window.parse(text)
    assert "02:00-05:00" in caught.value.hint


def test_no_windows_are_no_window():
    """A host without windows is always open."""
    assert next_span((), datetime(2026, 11, 22, tzinfo=UTC), UTC) is None
