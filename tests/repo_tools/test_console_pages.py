"""The console's pages follow what is published, and what they say is to be done is what can be done."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from repo_tools.console.views import Views
from tests.support.chorus import Chorus
from tests.support.collection import Collection
from tests.support.console import WAIT_S, opened
from tests.support.workspace import Workspace

PROMOTE = '<button id="promote" value="do" class="go">'
"""What is offered in the colour of what comes next."""


@pytest.fixture
def console(rolled, tmp_path):
    """The console of a repository in which 1.5.0 is added and not published."""
    rolled.add("1.5.0")
    with opened(rolled, tmp_path / "session.json") as found:
        yield found


def shown(console, place: str) -> str:
    """Return a page as a browser gets it."""
    found = console.session.get(f"{console.url}/{place}", timeout=WAIT_S)
    assert found.status_code == 200, found.text
    return str(found.text)


def told(console, place: str) -> str:
    """Return the page that stands where another one cannot be shown, with its style."""
    found = console.session.get(f"{console.url}/{place}", timeout=WAIT_S)
    assert (found.status_code, found.headers["content-type"]) == (503, "text/html; charset=utf-8")
    [style] = re.findall(r'href="/[^"/]+/(assets/[^"]+css)"', found.text)
    assert shown(console, style)
    return str(found.text)


def test_where_nothing_is_published_yet_the_pages_say_what_comes_first(tmp_path):
    """Who opens the console right after founding reads what is to be done, and no JSON."""
    work = Workspace(tmp_path / "new")
    work.do("init", work.folder, "--product", "agent", "--solo", "--no-passphrase", "--store", work.store)
    with opened(work, tmp_path / "session.json") as console:
        for place in ("", "steer"):
            assert "tidegate publish comes first" in told(console, place)


def test_a_damaged_lake_takes_no_brake_away(console, rolled):
    """Pages of hosts say why they are not there, and lead to the one from which to steer, which is."""
    day = rolled.folder / "lake" / "reports" / "dt=2026-11-22"
    day.mkdir(parents=True)
    (day / "damaged.parquet").write_bytes(b"no table")
    assert "steer" in told(console, "")
    assert "What it stops" in shown(console, "steer")


def test_a_publication_is_seen_at_once(console, rolled):
    """The disaster: who has braked looks at a page that says for a minute that all goes on."""
    assert "1.5.0" not in shown(console, "status.json")
    rolled.publish_release("1.5.0", strategy="manual")
    assert "1.5.0" in shown(console, "status.json")


def test_pages_that_are_open_for_long_are_those_that_anybody_would_make_now(rolled, tmp_path):
    """What the lake answered before is good until something is collected, and not a moment longer."""
    (tmp_path / "box").mkdir()
    chorus = Chorus(Collection(rolled, tmp_path / "box"), datetime.now(UTC) - timedelta(hours=1))
    names, lake = [f"host-{number}" for number in range(4)], rolled.folder / "lake"
    long = Views(rolled.desk, lake).below("/room/")

    def is_as_new():
        return long.file("") == Views(rolled.desk, lake).below("/room/").file("")

    assert is_as_new()
    chorus.join(names)
    for version in ("1.4.2", "1.5.0"):
        chorus.say(names, {"stage": "heartbeat"}, running=version)
        chorus.collection.collect()
        assert is_as_new()
        rolled.publish_release(f"{version}.1", strategy="manual")
        assert is_as_new()
    assert "1.5.0" in str(long.file(""))


def test_who_steers_reads_what_is_held_and_what_comes_next(console, rolled):
    """The disaster: after the brake the page looks as before, and invites to promote what is held."""
    rolled.publish_release("1.5.0", strategy="manual")
    page = shown(console, "steer")
    assert ("is on.</strong>" in page, "Paused" in page, PROMOTE in page) == (False, False, True)
    rolled.do("rollout", "pause", "stable", "--reason", "let me look")
    rolled.sign_and_publish()
    page = shown(console, "steer")
    assert "<strong>Paused in canary.</strong> Next: resume it, or recall it (<code>" in page
    assert ("Braked" in page, PROMOTE in page) == (False, False)
    rolled.do("brake", "stable", "--reason", "crash loops")
    assert "The brake of agent/stable is on" not in shown(console, "steer")  # before it is published
    rolled.sign_and_publish()
    page = shown(console, "steer")
    assert "The brake of agent/stable is on.</strong> It holds stable-0001, stable-0002 since <time" in page
    assert ": crash loops</p>" in page
    assert "<strong>Braked: nobody starts it.</strong>" in page
    assert "Next: lift the brake, or recall it (<code>" in page


def test_who_steers_reads_which_rollout_the_buttons_mean(console, rolled):
    """The disaster: *Promote* below what is under way widens another rollout, which was only prepared."""
    rolled.publish_release("1.5.0", strategy="manual")
    assert "The buttons below act" not in shown(console, "steer")
    rolled.add("1.6.0")
    rolled.do("rollout", "start", "stable", "1.6.0", "--strategy", "manual")
    page = shown(console, "steer")
    assert "agent/stable: 1.5.0, stable-0002." in page
    assert "<strong>Prepared, and not published: 1.6.0, stable-0003.</strong>" in page
    assert "The buttons below act on that one, and not on stable-0002." in page
    rolled.do("unstage", "--all")
    rolled.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "loses data")
    assert "not published: 1.4.2, stable-0003, a recall from ==1.5.0.</strong>" in shown(console, "steer")
    rolled.sign_and_publish()
    page = shown(console, "steer")
    assert "agent/stable: 1.4.2, stable-0003. It recalls ==1.5.0." in page
    assert "The buttons below act" not in page
