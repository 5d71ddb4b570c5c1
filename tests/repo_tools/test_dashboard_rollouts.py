"""What the dashboard says of rollouts at their turns: before they begin, held, recalled, in every channel."""

import json
import re
import shutil
from datetime import timedelta

from tests.bench import large
from tests.support.chorus import BACK, SOAKED, SWITCHED, WELL, Chorus
from tests.support.collection import Collection
from tests.support.dashboards import page
from tests.support.wave import Underway
from tests.support.workspace import Workspace


def copied(real_time, tmp_path):
    """Return a repository of a story's own, with a box for what hosts say."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (repo.base / "box").mkdir()
    return repo


def test_a_rollout_that_was_paused_or_recalled_says_what_is_left_to_do(rolled):
    """A pause is lifted by the wave's people; a recall goes everywhere by itself."""
    rolled.publish_release("1.5.0", strategy="manual")

    def shown():
        rolled.do("dashboard", "build")
        return page(rolled.store / "status", "rollout.agent.stable.html")

    assert "tidegate rollout promote agent/stable" in shown()
    rolled.do("rollout", "pause", "stable", "--reason", "let me look")
    rolled.sign_and_publish()
    assert "tidegate rollout resume agent/stable" in shown()
    rolled.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "loses data")
    rolled.sign_and_publish()
    assert "It is a recall, which goes to all of its hosts at once" in shown()


def test_a_recall_is_complete_when_nobody_is_left_to_go_back(real_time, tmp_path):
    """The disaster: every wave reads complete while the hosts that lose data still run, and are braked."""
    repo = copied(real_time, tmp_path)
    rollout = Underway(Collection(repo, repo.base / "box"), repo.desk().now - timedelta(days=1))
    names = rollout.join("canary", 3)
    rollout.tell(names[:2], *SWITCHED, running="1.5.0")

    def shown():
        rollout.collection.collect()
        repo.do("dashboard", "build")
        status = repo.store / "status"
        return page(status, "rollout.agent.stable.html"), page(status, "fleet.html")

    repo.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "loses data")
    repo.sign_and_publish()
    told, fleet = shown()
    assert "2 hosts still to go back from ==1.5.0" in told
    assert "wait for 2 hosts to go back" in fleet
    assert ("To go back</dt><dd>2" in told, "b-open" in told) == (True, True)
    repo.do("brake", "stable", "--reason", "wait")
    repo.sign_and_publish()
    told, fleet = shown()
    assert ("Lift the brake</p>" in told, "Nothing is to be done" in told) == (True, False)
    assert "lift the brake</strong>" in fleet
    repo.do("brake", "stable", "--release")
    repo.sign_and_publish()
    rollout.tell(names, *BACK, running="1.4.2", rollout="stable-0003", to="1.4.2", after=timedelta(hours=23))
    told, fleet = shown()
    assert ("Nothing is to be done" in told, "b-open" in told) == (True, False)


def test_who_goes_on_by_hand_is_told_to_wait_while_it_is_too_early(real_time, tmp_path):
    """The disaster: "open wave early" is read as advice, while two of three hosts were never heard."""
    repo = copied(real_time, tmp_path)
    start = repo.desk().now - timedelta(hours=2)
    rollout = Underway(Collection(repo, repo.base / "box"), start, "--strategy", "manual")
    names = rollout.join("canary", 3)
    rollout.tell(names[:1], *SWITCHED, running="1.5.0")
    rollout.collection.collect()
    repo.do("dashboard", "build")
    status = repo.store / "status"
    assert "Wait for canary, then open the wave “early”" in page(status, "rollout.agent.stable.html")
    assert "1.5.0: wait for canary" in page(status, "fleet.html")


def test_a_rollout_that_has_not_begun_is_waited_for(rolled):
    """A wave whose time has not come is not open, and nobody is told to complete it."""
    rolled.add("1.5.0")
    tomorrow = f"{rolled.now + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    rolled.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate", "--not-before", tomorrow)
    rolled.sign_and_publish()
    rolled.do("dashboard", "build")
    shown = page(rolled.store / "status", "rollout.agent.stable.html")
    assert ("Wait until full begins" in shown, "b-open" in shown) == (True, False)
    rolled.now += timedelta(days=1)
    rolled.do("dashboard", "build")
    shown = page(rolled.store / "status", "rollout.agent.stable.html")
    assert ("Complete it" in shown, "b-open" in shown) == (True, True)


def test_the_evidence_that_opened_a_wave_is_a_link_away(real_time, tmp_path):
    """The page tells the threshold that the gate waits for; whoever doubts a wave reads what opened it."""
    repo = copied(real_time, tmp_path)
    start = repo.desk().now - timedelta(days=1)
    rollout = Underway(Collection(repo, repo.base / "box"), start, "--strategy", "gated")
    names, status = rollout.join("canary", 3), repo.store / "status"

    def shown():
        rollout.collection.collect()
        repo.do("dashboard", "build")
        return page(status, "rollout.agent.stable.html")

    rollout.tell(names[:2], *WELL, running="1.5.0")
    rollout.tell(names[2:], {"stage": "heartbeat"}, running="1.4.2", rollout=None)
    assert "with 3 hosts everybody must be heard; 1 still to come" in shown()
    rollout.tell(names[2:], *WELL, running="1.5.0")
    rollout.advance()
    repo.sign_and_publish()
    [link] = re.findall(r'href="([^"]*evidence/[^"]*)">What opened it', shown())
    build = json.loads((status / "status.json").read_text())["build"]
    assert json.loads((status / "builds" / build / link).read_text())["counts"]["ok"] == 3


def test_where_all_failed_that_were_heard_nobody_is_led_on(real_time, tmp_path):
    """One failure halts no small wave, but is to be looked at; who was not heard is still to come."""
    repo = copied(real_time, tmp_path)
    start = repo.desk().now - timedelta(days=1)
    rollout = Underway(Collection(repo, repo.base / "box"), start)
    first, *_ = rollout.join("canary", 3)
    rollout.tell([first], *BACK, running="1.4.2")
    rollout.collection.collect()
    repo.do("dashboard", "build")
    shown = page(repo.store / "status", "rollout.agent.stable.html")
    assert "Look at what failed, then hold it or recall it" in shown
    assert "to come</dt><dd>2 <small>67 %" in shown


def test_success_is_said_when_there_is_some_to_say(real_time, tmp_path):
    """While every host of a release is in its soak nobody knows how it went."""
    repo = copied(real_time, tmp_path)
    rollout = Underway(Collection(repo, repo.base / "box"), repo.desk().now - timedelta(days=1))
    names = rollout.join("canary", 2)
    rollout.tell(names, *SWITCHED, running="1.5.0")
    rollout.collection.collect()
    repo.do("dashboard", "build")
    shown = page(repo.store / "status", "history.html")
    assert '<td class="n">-</td><td class="n">2</td><td class="n">2</td>' in shown
    rollout.tell(names[:1], *SOAKED, running="1.5.0")
    rollout.collection.collect()
    repo.do("dashboard", "build")
    shown = page(repo.store / "status", "history.html")
    assert '<td class="n">100 % <small>of 1</small></td><td class="n">2</td><td class="n">2</td>' in shown


def test_a_complete_wave_shows_what_its_hosts_do_now(real_time, tmp_path):
    """The disaster: a page of zeros, for hosts that run all of it and enrolled after it had begun."""
    repo = copied(real_time, tmp_path)
    chorus = Chorus(Collection(repo, repo.base / "box"), repo.desk().now)
    names = chorus.names("canary", 2)
    chorus.join(names)
    chorus.say(names, {"stage": "heartbeat"}, running="1.4.2")
    chorus.collection.collect()
    repo.do("dashboard", "build")
    shown = page(repo.store / "status", "rollout.agent.stable.html")
    assert ("current</dt><dd>2 <small>100 %" in shown, "Hosts</dt><dd>2</dd>" in shown) == (True, True)
    assert "Expected" not in shown


def test_every_channel_has_its_own(tmp_path):
    """Three products of three channels: each has its fleet, its rollout and its next step."""
    place = large.founded(tmp_path / "place", "../store", 3)
    place.do("dashboard", "build")
    status = place.store / "status"
    fleet = page(status, "fleet.html")
    for product in large.PRODUCTS:
        for channel in large.CHANNELS:
            name = f"rollout.{product}.{channel}.html"
            assert f'href="{name}"' in fleet
            assert f"tidegate rollout promote {product}/{channel}" in page(status, name)
    assert len(json.loads((status / "status.json").read_text())["rollouts"]) == 9


def test_releases_that_no_host_took_stand_in_the_history(real_time, tmp_path):
    """Who looks for what was published finds it there, and what was called back is not called published."""
    repo = copied(real_time, tmp_path)
    rollout = Underway(Collection(repo, repo.base / "box"), repo.desk().now - timedelta(days=1))
    repo.add("1.6.0")
    repo.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "crashes")
    repo.sign_and_publish()
    for names in ([], rollout.join("canary", 1)):
        rollout.tell(names, *BACK, running="1.4.2")
        rollout.collection.collect()
        repo.do("dashboard", "build")
        shown = page(repo.store / "status", "history.html")
        found = re.findall(r'class="said">agent ([0-9.]+)</th><td>(\w+)</td>', shown)
        assert dict(found) == {"1.6.0": "published", "1.5.0": "recalled", "1.4.2": "published"}
