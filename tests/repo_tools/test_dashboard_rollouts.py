"""What the dashboard says of rollouts at their turns: before they begin, held, recalled, in every channel."""

import json
import shutil
from datetime import timedelta

from tests.bench import large
from tests.support.chorus import BACK, SWITCHED
from tests.support.collection import Collection
from tests.support.dashboards import page
from tests.support.wave import Underway
from tests.support.workspace import Workspace


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


def test_where_all_failed_that_were_heard_nobody_is_led_on(real_time, tmp_path):
    """One failure halts no small wave, but is to be looked at; who was not heard is still to come."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (repo.base / "box").mkdir()
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
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (repo.base / "box").mkdir()
    rollout = Underway(Collection(repo, repo.base / "box"), repo.desk().now - timedelta(days=1))
    names = rollout.join("canary", 2)
    rollout.tell(names, *SWITCHED, running="1.5.0")
    rollout.collection.collect()
    repo.do("dashboard", "build")
    shown = page(repo.store / "status", "history.html")
    assert '<td class="n">2</td><td class="n">2</td><td class="n">-</td>' in shown


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
