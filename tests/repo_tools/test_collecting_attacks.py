"""What one host, or somebody who found the way into the drop box, can do to the numbers of others."""

import os
from datetime import UTC, datetime, timedelta

import msgspec

from repo_tools.collect.hearing import MOST_A_DAY
from repo_tools.collect.lake import opened
from repo_tools.collect.tables import MOST_MACHINES
from tests.support.crowd import Speaker

FULL = 1_000
"""Reports in one object, at most."""
LONG = "what happened here " * 80
"""What makes a day's reports several loads."""


def test_one_host_that_reports_without_end_counts_so_far(collection):
    """The rest of its day is counted apart, load by load, and other hosts are heard as ever."""
    good = collection.voice("host-1").join()
    noisy, folder = Speaker("host-2", collection.token), collection.voice("host-2")
    reports = [
        msgspec.structs.replace(report, machine=f"machine-{report.seq}", detail=LONG)
        for report in noisy.reports(MOST_A_DAY + FULL, datetime.now(UTC))
    ]
    for first in range(0, len(reports), FULL):
        folder.drop(seq=first + 1).write_bytes(noisy.flush(reports[first : first + FULL]))
    good.say(good.report())
    found = collection.collect()
    assert (found["counted"], found["set_aside"]) == (MOST_A_DAY + 2, {"flood": FULL})
    assert len(collection.asides()) == 1
    assert found["clones"] == ["host-2"]
    with opened(collection.lake) as lake:
        assert lake.db.execute("SELECT count(*) FROM machine").fetchall() == [(MOST_MACHINES,)]
    good.say(good.report())
    folder.drop(seq=MOST_A_DAY * 9).write_bytes(noisy.flush(reports[-1:]))
    found = collection.collect()
    assert (found["counted"], found["set_aside"]) == (1, {"flood": 1})


def test_a_flood_in_a_hosts_name_costs_it_nothing(collection):
    """What others sign is set aside, however much it is, and what the host signs counts."""
    good = collection.voice("host-1").join()
    thief = collection.voice("host-1")
    for number in range(300):
        thief.drop(thief.envelope(thief.report(seq=1000 + number)), seq=1000 + number)
    good.say(good.report())
    found = collection.collect()
    assert (found["counted"], found["set_aside"]) == (2, {"forged": 300})


def test_a_host_that_contradicts_itself_without_end(collection):
    """What it said first counts, the rest stands on one line for each load, and is named up to a bound."""
    voice = collection.voice("host-1").join()
    voice.drop(*(voice.envelope(voice.report(seq=seq, running="1.0.0")) for seq in range(2, 302)), seq=2)
    collection.collect()
    for version in ("2.0.0", "3.0.0", "4.0.0", "5.0.0"):
        again = (voice.envelope(voice.report(seq=seq, running=version)) for seq in range(2, 302))
        voice.drop(*again, seq=int(version[0]) * 1000)
    found = collection.collect()
    assert (found["counted"], found["set_aside"]) == (0, {"conflict": 300})
    assert collection.asides() == [("host-1", "conflict")]
    assert found["conflicts"][0] == {"agent": "host-1", "seq": 2}


def test_old_reports_that_come_again_change_nothing(collection):
    """A flush under other hours, days and numbers is known by what it holds."""
    voice = collection.voice("host-1").join()
    said_once = [voice.envelope(voice.report()), voice.envelope(voice.report(running="2.0.0"))]
    voice.drop(*said_once)
    collection.collect()
    before = collection.rows("*")
    for days in range(5):
        day = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"
        voice.drop(*reversed(said_once), seq=100 + days, day=day)
    found = collection.collect()
    assert (found["counted"], found["again"], found["conflicts"]) == (0, 10, [])
    assert collection.rows("*") == before


def test_reports_in_any_order_leave_the_newest_standing(collection):
    """A host stands where its highest number says, in whatever order its files come."""
    voice = collection.voice("host-1").join()
    early, late = voice.report(running="1.0.0"), voice.report(running="2.0.0")
    voice.say(late)
    collection.collect()
    voice.say(early)
    collection.collect()
    [stands] = collection.repo.do("fleet", "query", "versions")
    assert (stands["version"], stands["agents"]) == ("2.0.0", 1)


def test_a_number_that_no_integer_holds_stops_nobody(collection):
    """It is set aside as malformed, and what comes with it counts."""
    voice = collection.voice("host-1").join()
    for seq in (2**53, 2**63, 2**64, 10**40):
        voice.drop(voice.envelope(voice.report(seq=seq)), seq=7)
        voice.say(voice.report())
        assert collection.collect()["set_aside"] == {"malformed": 1}
    assert [seq for _, seq in collection.rows()] == [1, 2, 3, 4, 5]


def test_a_gap_is_shown_when_nothing_can_fill_it_any_more(collection):
    """Two days after the number that follows, and never because a host sleeps."""
    voice = collection.voice("host-1").join()
    lost, kept = voice.report(), voice.report()
    path = voice.say(kept)
    sleeper = collection.voice("host-2").join()
    now = datetime.now(UTC)
    _came(path, now - timedelta(days=1))
    collection.collect()
    assert collection.repo.do("fleet", "query", "gaps") == []
    other = collection.voice("host-3").join()
    _came(other.say(other.report()), now + timedelta(days=2))
    collection.collect()
    [gap] = collection.repo.do("fleet", "query", "gaps")
    assert (gap["agent"], gap["missing"], gap["first"], gap["last"]) == ("host-1", 1, 2, 2)
    sleeper.say(sleeper.report())
    voice.say(lost)
    collection.collect()
    assert collection.repo.do("fleet", "query", "gaps") == []


def _came(path: os.PathLike[str], when: datetime) -> None:
    os.utime(path, (when.timestamp(), when.timestamp()))
