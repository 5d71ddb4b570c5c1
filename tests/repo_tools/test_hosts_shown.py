"""Any host on a page of its own, and lists of hosts that the lake pages and searches."""

import re
import shutil
from datetime import timedelta

import pytest

from repo_tools.console.views import Views
from repo_tools.pages.hostmodel import Asked
from tests.support.chorus import WELL
from tests.support.dashboards import LOG, SITE, Seen

DECISION = {"action": "wait", "rule": "window", "text": "its window opens at night", "version": "1.5.0"}


@pytest.fixture(scope="module")
def seen(real_time, tmp_path_factory):
    """A rollout in canary; a host of another wave said what it decided."""
    seen = Seen(shutil.copytree(real_time, tmp_path_factory.mktemp("seen") / "place"))
    beat = {
        "stage": "heartbeat",
        "running": "1.5.0",
        "decision": DECISION,
        "pin": "<2",
        "windows": ["22:00-04:00"],
    }
    seen.rollout.tell(seen.canary[:1], beat, after=timedelta(days=2))
    seen.rollout.collection.collect()
    return seen


@pytest.fixture(scope="module")
def views(seen):
    """The pages of its console."""
    return Views(seen.repo.desk, seen.rollout.collection.lake).below("/secret/")


def shown(views, agent):
    """Return the text of a host's page."""
    return views.host("agent", agent).decode()


def test_any_host_has_a_page(seen, views):
    """Its wave and place, what it runs, its decision with rule and sentence, and each stage of an update."""
    page = shown(views, seen.canary[0])
    told = ("canary", "of its wave start before it", "<strong>window</strong>: its window opens at night")
    local = ("&lt;2", "22:00-04:00")
    assert [
        text
        for text in (*told, *local, "1.5.0", "stable-0002", *(f">{one['stage']}<" for one in WELL))
        if text not in page
    ] == []
    assert ("<strong>current</strong>" in page, "if its platform is" in page) == (True, True), "now"


def test_a_host_that_failed_shows_its_log(seen, views):
    """What it said happened stands at the stage, and what it gave up is counted in what it would do now."""
    page = shown(views, seen.canary[4])
    assert [text for text in (LOG.splitlines()[1], SITE, "rolled back") if text not in page] == []
    assert "<strong>quarantined</strong>" in page


def test_a_host_that_nobody_heard_of_has_none(views):
    """A name from a guess is answered like any other page that there is not."""
    assert views.host("agent", "nobody") is None


def test_hosts_are_found_by_what_is_known_of_them(seen, views):
    """A part of the id, of a version or of a label; what they do; and all of these together."""

    def found(**asked):
        page = views.hosts(Asked(**asked)).decode()
        return re.findall(r'<a href="/secret/hosts/agent/([^"]+)">', page)

    everybody, name = found(), seen.canary[0]
    assert len(everybody) == 26
    assert found(text=name.upper()) == [one for one in everybody if name in one]
    assert found(text=SITE) == found(state="back") == [seen.canary[4]]
    assert found(text="1.5.0", state="silent") == [seen.canary[5]]
    assert found(channel="agent/other") == []
    assert found(text="%") == found(text="' OR 1=1 --") == []


def test_long_lists_come_in_pages(seen):
    """Each page leads to those beside it, with the same question."""
    views = Views(seen.repo.desk, seen.rollout.collection.lake, on_page=10).below("/secret/")
    first, last = (views.hosts(Asked(text="host", page=page)).decode() for page in (0, 2))
    assert ("26 hosts" in first, "page 1 of 3" in first, 'rel="prev"' in first) == (True, True, False)
    assert "?search=host&amp;does=&amp;channel=&amp;page=1" in first
    assert ('rel="next"' in last, "page=1" in last) == (False, True)
    assert "No host fits" in views.hosts(Asked(page=9)).decode()


def test_silence_is_judged_by_the_time_of_reading(seen):
    """Nothing comes and nothing is published: two days later the console knows by itself who fell silent."""
    clock = [seen.repo.desk()]
    views = Views(lambda: clock[0], seen.rollout.collection.lake).below("/secret/")

    def read(name):
        found = views.file(name)
        assert found is not None
        return found.data

    before = read("status.json")
    later = seen.repo.desk()
    later.now += timedelta(days=2)
    clock[0] = later
    assert (b'"silent": 1' in before, b'"silent": 25' in read("status.json")) == (True, True)
    assert b"No report came since" in read("")
