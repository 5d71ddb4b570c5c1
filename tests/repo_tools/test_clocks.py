"""Publishers whose clocks are wrong: found out by the store's own, and mended when it was too late."""

from datetime import UTC, datetime, timedelta

import pytest

from metadata.errors import UnsuitableError
from repo_tools.publishing.clocks import refuse_wrong_clock
from repo_tools.store import FolderStore
from tests.repo_tools.conftest import NOON
from tests.support.middleman import between
from tests.support.workspace import Workspace


class FileServer(FolderStore):
    """A folder on another machine, whose clock dates the files."""

    def ahead(self) -> timedelta:
        """Return how far this machine's clock is ahead."""
        return timedelta(minutes=-6)


@pytest.mark.parametrize(
    ("hours", "said"), [(-3, "minutes ahead of that of the store"), (3, "minutes behind that of the store")]
)
def test_a_clock_that_is_not_the_stores_publishes_nothing(bucket, as_role, tmp_path, hours, said):
    """S3 dates its answers; whoever is hours away from that changes nothing, in either direction."""
    as_role("publisher")
    with between(bucket.server.url) as middleman:
        work = Workspace(tmp_path / "place")
        location = middleman.before(bucket).location
        usual = ("--product", "agent", "--store", location, "--solo", "--no-passphrase")
        work.do("init", work.folder, *usual)
        work.do("publish")
        before = set(bucket.names())
        middleman.clock = timedelta(hours=hours)
        result = work.run("refresh")
        assert result.exit_code == 13
        assert said in result.stderr
        assert set(bucket.names()) == before
        middleman.clock = timedelta(minutes=4)
        work.do("refresh")


def test_a_folder_of_another_machine_has_a_clock_of_its_own(tmp_path):
    """On this machine's own disk both are one; a file server's may be another."""
    here = FolderStore("here", tmp_path)
    refuse_wrong_clock(here)
    assert abs(here.ahead()) < timedelta(minutes=1)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UnsuitableError, match="6 minutes behind that of the store there"):
        refuse_wrong_clock(FileServer("there", tmp_path))


def test_a_publication_from_the_future_locks_nobody_out(rolled, danger):
    """Everybody else is refused for a year, and one command is the way out; clients never notice."""
    client = danger.client("one")
    rolled.now = NOON + timedelta(days=365)
    rolled.do("renew", "--yes", "--within", "400d")
    rolled.do("publish")
    rolled.now = NOON + timedelta(hours=1)
    assert not danger.breaks(client)
    for command in (["refresh"], ["publish"]):
        rolled.do("brake", "stable", "--version", "1.4.2")
        rolled.do("sign", "--yes")
        refused = rolled.run(*command)
        assert refused.exit_code == 13
        assert "tidegate refresh --after-future" in refused.stderr
    rolled.do("refresh", "--after-future")
    rolled.do("publish")
    assert not danger.breaks(client)
    assert not danger.breaks(danger.client("two"))
    expiries = rolled.do("status")["expiries"]
    assert expiries["snapshot"] == "2026-11-29T13:00:00Z"
    assert [one for one in rolled.do("check")["findings"] if one["level"] == "error"] == []
    again = rolled.run("refresh", "--after-future")
    assert again.exit_code == 2
    assert "that is no future" in again.stderr


def test_what_a_clock_that_was_ahead_signed_is_renewed(rolled):
    """Its roles would last a year too long, and nothing of them is due: they are named, and made anew."""
    rolled.now = NOON + timedelta(days=365)
    rolled.do("renew", "--yes", "--within", "400d")
    rolled.do("publish")
    rolled.now = NOON + timedelta(hours=1)
    said = rolled.run("refresh", "--after-future").stderr
    assert "signed by a clock that was ahead, and lasts too long: root, targets, " in said
    assert "lasts too long: root, targets, " in rolled.run("status").stdout
    assert "root" in rolled.do("renew", "--yes")["renewed"]
    rolled.do("publish")
    assert rolled.do("status")["expiries"]["root"] == "2027-11-22T13:00:00Z"
    assert "too long" not in rolled.run("status").stdout
    assert rolled.do("renew", "--yes")["renewed"] == []


@pytest.mark.parametrize("command", ["publish", "refresh"])
def test_a_time_that_somebody_tries_out_is_not_published_in_silence(work, command):
    """A forgotten TIDEGATE_NOW signs what expires in generations; the real clock is never doubted."""
    work.now = None
    work.do("renew", "--yes", "--within", "3650d")
    assert "TIDEGATE_NOW" not in work.run("refresh").stderr
    work.now = datetime(2200, 1, 1, tzinfo=UTC)
    work.do("renew", "--yes")
    done = work.run("--json", command)
    assert done.exit_code == 0
    assert done.stderr.count("TIDEGATE_NOW is set: 2200-01-01T00:00:00Z is signed as the present") == 1
    assert done.json


def test_a_timestamp_does_not_outlive_its_snapshot(work):
    """A snapshot is renewed when half of its life is over; what is left of it must cover a timestamp."""
    refused = work.run("renew", "--yes", "--limit", "timestamp=7d")
    assert refused.exit_code == 2
    assert "a timestamp of 7d needs a snapshot of twice that, not of 7d" in refused.stderr
    assert "add --limit snapshot=14d" in refused.stderr
    assert work.do("status")["staged"] == []
    work.do("renew", "--yes", "--limit", "timestamp=7d", "--limit", "snapshot=14d")
    work.do("publish")
