"""The next step that the dashboard names: not on where hosts fail, nor to wait where waiting cannot help."""

import shutil
from datetime import timedelta
from html import unescape

import pytest

from tests.support.chorus import BACK, WELL
from tests.support.collection import Collection
from tests.support.dashboards import page
from tests.support.wave import Underway
from tests.support.workspace import Workspace


class Shown:
    """A rollout that began a day ago, and its dashboard."""

    def __init__(self, place, *options):
        self.repo = Workspace(place)
        (place / "box").mkdir()
        start = self.repo.desk().now - timedelta(days=1)
        self.rollout = Underway(Collection(self.repo, place / "box"), start, *options)

    def pages(self):
        """Collect, build the dashboard, and return the page of the rollout and that of the fleet."""
        self.rollout.collection.collect()
        self.repo.do("dashboard", "build")
        status = self.repo.store / "status"
        names = ("rollout.agent.stable.html", "fleet.html")
        return tuple(unescape(page(status, name)) for name in names)

    def order(self, *command):
        """Order something of the rollout, sign and publish."""
        said = self.repo.run("rollout", *command)
        self.repo.sign_and_publish()
        return said.stderr


@pytest.fixture
def begun(real_time, tmp_path):
    """Begin a rollout with the options that a story wants."""

    def begin(*options):
        return Shown(shutil.copytree(real_time, tmp_path / "place"), *options)

    return begin


def test_nobody_is_led_to_complete_what_fails_or_is_not_heard(begun):
    """The disaster: a green step makes the base of what seven of ten hosts failed, or never took."""
    shown = begun("--strategy", "immediate")
    names = shown.rollout.join("full", 10)
    shown.rollout.tell(names[:3], *WELL, running="1.5.0")
    shown.rollout.tell(names[3:4], {"stage": "heartbeat"}, running="1.4.2", rollout=None)
    told, fleet = shown.pages()
    assert ("Wait for full, then complete it" in told, 'class="card next wait"' in told) == (True, True)
    assert "1.5.0: wait for full, then complete it" in fleet
    shown.rollout.tell(names[3:4], *BACK, running="1.4.2")
    told, fleet = shown.pages()
    assert "1.5.0: look at what failed; then complete it, or recall it" in fleet
    assert ('class="card next wait"' in told, "1 of 4 hosts failed" in told) == (True, True)
    shown.rollout.tell(names[4:5], *BACK, running="1.4.2")
    assert "1.5.0: hold it" in shown.pages()[1]


def test_a_wave_that_fails_early_counts_where_all_were_ordered_at_once(begun):
    """The last wave may do well while another one, that nobody judged before, does not."""
    shown = begun("--strategy", "immediate")
    canary, full = shown.rollout.join("canary", 3), shown.rollout.join("full", 3)
    shown.rollout.tell([*canary[:2], *full], *WELL, running="1.5.0")
    shown.rollout.tell(canary[2:], *BACK, running="1.4.2")
    assert "look at what failed; then complete it" in shown.pages()[1]
    shown.rollout.tell(canary[1:2], *BACK, running="1.4.2")
    told, fleet = shown.pages()
    assert ("1.5.0: hold it" in fleet, "2 of 3 hosts failed" in told) == (True, True)


def test_where_the_gate_waits_for_ever_a_person_is_asked(begun):
    """The disaster: a command that only answers "wait" is printed for days, over one host that failed."""
    shown = begun("--strategy", "gated")
    names = shown.rollout.join("canary", 5)
    shown.rollout.tell(names[:4], *WELL, running="1.5.0")
    shown.rollout.tell(names[4:], *BACK, running="1.4.2")
    told, fleet = shown.pages()
    assert "look at what failed; then open the wave “early”, or recall it" in fleet
    assert "<code>tidegate rollout promote agent/stable<" in told
    shown.order("promote", "stable")
    assert "wait for canary" not in shown.pages()[1]


def test_a_gate_on_nobody_is_opened_by_hand(begun):
    """A wave without hosts has no evidence to wait for, and where no gate decides none is spoken of."""
    told, fleet = begun("--strategy", "gated").pages()
    assert "1.5.0: open the wave “early”" in fleet
    assert "<code>tidegate rollout promote agent/stable<" in told


def test_without_a_gate_none_is_spoken_of(begun):
    """The disaster: "open it" stands over "a gate on nobody never opens", and no gate was asked for."""
    told, fleet = begun("--strategy", "manual").pages()
    assert "1.5.0: open the wave “early”" in fleet
    assert ("no host that had enrolled" in fleet, "a gate on nobody" in told + fleet) == (True, False)


@pytest.mark.parametrize("strategy", ["manual", "gated"])
def test_an_order_that_ended_is_begun_anew(begun, strategy):
    """The disaster: a wave is called open, and waited for, whose hosts may not start any more."""
    shown = begun("--strategy", strategy, "--not-after", "25h")
    shown.repo.now = shown.repo.desk().now + timedelta(hours=2)
    names = shown.rollout.join("canary", 4)
    shown.rollout.tell(names[:1], *WELL, running="1.5.0")
    shown.rollout.tell(names[1:], {"stage": "heartbeat"}, running="1.4.2", rollout=None)
    told, fleet = shown.pages()
    assert ("b-over" in told, "b-open" in told, "wait for canary" in fleet) == (True, False, False)
    assert "let the rest of canary start anew, or go on without them" in fleet
    assert "<code>tidegate rollout resume agent/stable --wave canary<" in told
    shown.order("resume", "stable", "--wave", "canary")
    told, fleet = shown.pages()
    assert ("b-over" in told, "b-open" in told, "wait for canary" in fleet) == (False, True, True)


def test_a_recall_of_one_wave_shows_where_others_go_on(begun):
    """The disaster: nothing is to be done, it says, while the next wave goes on to what loses messages."""
    shown = begun("--strategy", "manual")
    canary, early = shown.rollout.join("canary", 2), shown.rollout.join("early", 4)
    shown.rollout.tell(canary, *WELL, running="1.5.0")
    shown.order("promote", "stable")
    shown.rollout.tell(early[:2], *BACK, running="1.4.2")
    recall = ("recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "loses messages")
    said = shown.order(*recall, "--wave", "canary")
    assert "early is not called back, and is ordered to run 1.5.0 by stable-0002" in said
    told, fleet = shown.pages()
    assert "widen the recall to “early”: early is ordered 1.5.0" in fleet
    assert "<code>tidegate rollout promote agent/stable<" in told
    assert ("Still on stable-0002: 1.5.0, open." in told, "b-earlier" in told) == (True, True)
    assert ("rolled back</dt><dd>2 " in told, "Its hosts run 1.5.0" in told) == (True, False)
    shown.order("promote", "stable")
    explain = ("agents", "explain", early[3], "--running", "1.5.0")
    assert shown.repo.do(*explain)["decision"]["action"] == "recall"
    told, fleet = shown.pages()
    assert ("Still on" in told, "widen" in fleet) == (False, False)
    assert "wait for 2 hosts to go back" in fleet


def test_a_wave_on_an_earlier_rollout_shows_how_that_goes(begun):
    """The disaster: the next release begins in canary, and nobody sees that the last one fails in early."""
    shown = begun("--strategy", "manual")
    early = shown.rollout.join("early", 2)
    shown.order("promote", "stable")
    shown.rollout.tell(early, *BACK, running="1.4.2")
    shown.repo.add("1.6.0")
    shown.order("start", "stable", "1.6.0", "--strategy", "manual")
    told, _ = shown.pages()
    assert ("Still on stable-0002: 1.5.0, open." in told, "rolled back</dt><dd>2 " in told) == (True, True)


def test_a_recall_counts_who_never_left_and_who_cannot_go_back(begun):
    """The disaster: hosts that cannot go back are waited for in silence, and those at home are "to come"."""
    shown = begun("--strategy", "manual")
    names = shown.rollout.join("canary", 4)
    shown.rollout.tell(names[:2], *WELL, running="1.5.0")
    shown.rollout.tell(names[2:], {"stage": "heartbeat"}, running="1.4.2", rollout=None)
    shown.order("recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "loses messages")
    told, fleet = shown.pages()
    assert ("to come</dt><dd>2 " in told, "current</dt><dd>2 " in told) == (True, True)
    assert ("To go back</dt><dd>2 " in told, "Expected" in told, "Who can" in told) == (True, False, False)
    assert "wait for 2 hosts to go back" in fleet
    back = {"rollout": "stable-0003", "to": "1.4.2", "after": timedelta(hours=23)}
    shown.rollout.tell(names[:1], *BACK, running="1.5.0", **back)
    told, fleet = shown.pages()
    assert "look at 1 host that failed to go back, and wait for 1 other" in fleet
    assert "2 hosts still to go back from ==1.5.0; 1 of them tried, and failed" in told
    assert '<code>tidegate agents list agent/stable --running "==1.5.0"<' in told
