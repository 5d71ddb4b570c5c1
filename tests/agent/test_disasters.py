"""What happens to hosts by people's hands: two at once, restored copies, clocks that jump."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.agent.answers import refused
from tests.agent.test_crashes import dies_in
from tests.support.host import eventually

TEN_YEARS = timedelta(days=3653)


def test_two_ticks_at_once(scene):
    """The second says that another is at work and changes nothing; the first finishes."""
    scene.ready()
    scene.release("1.1.0")
    hold = scene.host.folder / "hold-stop"
    hold.touch()
    first = scene.host.begin("tick")
    eventually((scene.host.folder / "held").exists)
    second = scene.host.tick()
    assert second.exit_code == 15
    assert "another tidegate-agent is at work" in second.stderr
    hold.unlink()
    first.communicate()
    assert (first.returncode, scene.host.runs, scene.host.stands) == (0, "1.1.0", "IDLE")


def test_a_tick_during_a_rollback_by_hand(scene):
    """What a person has begun is not disturbed by the next poll, and holds afterwards."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.tick()
    hold = scene.host.folder / "hold-stop"
    hold.touch()
    by_hand = scene.host.begin("rollback")
    eventually((scene.host.folder / "held").exists)
    assert scene.host.tick().exit_code == 15
    hold.unlink()
    by_hand.communicate()
    assert (by_hand.returncode, scene.host.runs) == (0, "1.0.0")
    assert (scene.host.tick().rule, scene.host.runs) == ("pinned", "1.0.0")


def restored(scene, copy) -> None:
    """Put the state folder back from a copy."""
    shutil.rmtree(scene.host.state)
    shutil.copytree(copy, scene.host.state)


def test_a_state_folder_from_a_backup(scene, tmp_path):
    """What runs is left alone, and the next tick finds that nothing is to be done."""
    scene.ready()
    shutil.copytree(scene.host.state, tmp_path / "copy")
    scene.release("1.1.0")
    scene.host.tick()
    pid = scene.host.pid
    restored(scene, tmp_path / "copy")
    assert (scene.host.tick().rule, scene.host.runs, scene.host.pid) == ("current", "1.1.0", pid)


@pytest.mark.parametrize("state", ["FETCHED", "STAGED", "SWITCHING", "ON_TRIAL", "ROLLING_BACK"])
def test_a_backup_from_the_middle_of_an_older_update(scene, tmp_path, state):
    """An update that the host has left behind is neither judged nor taken back, and history says why."""
    scene.ready()
    bad = ("unhealthy", "--start-s", "1")
    scene.release("1.1.0", *(bad if state == "ROLLING_BACK" else ()))
    dies_in(scene.host, state)
    shutil.copytree(scene.host.state, tmp_path / "copy")
    scene.host.tick()
    for version in ("1.2.0", "1.3.0"):
        scene.release(version)
        scene.host.tick()
    pid = scene.host.pid
    restored(scene, tmp_path / "copy")
    done = scene.host.tick()
    assert (done.exit_code, done.entry["state"], done.rule) == (0, "IDLE", "current"), done.stderr
    assert (scene.host.runs, scene.host.pid, scene.host.installed) == ("1.3.0", pid, "1.3.0")
    assert "left_behind" in [reason for _, _, reason in scene.host.history()]


def test_a_backup_that_knows_a_version_which_is_gone(scene, tmp_path):
    """A switch to a folder that was removed meanwhile does not happen; it is fetched again later."""
    scene.ready()
    scene.release("1.1.0")
    dies_in(scene.host, "SWITCHING")
    shutil.rmtree(scene.host.root / "agent" / "versions" / "1.1.0")
    assert (scene.host.tick().rule, scene.host.runs, scene.host.installed) == ("backoff", "1.0.0", "1.0.0")


def test_a_way_back_to_a_version_that_is_gone(scene):
    """A trial that is lost stays where it is, rather than link to nothing."""
    scene.ready()
    scene.release("1.1.0", "unhealthy", "--start-s", "1")
    dies_in(scene.host, "ON_TRIAL")
    shutil.rmtree(scene.host.root / "agent" / "versions" / "1.0.0")
    scene.host.tick()
    assert (scene.host.runs, scene.host.installed) == ("1.1.0", "1.1.0")
    assert "1.0.0 is gone" in scene.host.details("update_rollback")


def test_a_clock_that_is_ten_years_behind(scene):
    """The repository was signed in the future, it seems: the clock is named, and what runs goes on."""
    scene.ready()
    later = datetime.now(UTC) + TEN_YEARS
    scene.forge.order("canary", {"not_before": f"{later:%Y-%m-%dT%H:%M:%SZ}"})
    scene.forge.seal(issued_ago=-TEN_YEARS, expires_in=TEN_YEARS)
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (0, "1.0.0")
    assert "clock is behind" in done.json["clock"]


def test_a_clock_that_is_ten_years_ahead(scene):
    """Everything has expired, it seems: nothing is installed, what runs goes on, and the clock is named."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.seal(issued_ago=TEN_YEARS, expires_in=-TEN_YEARS)
    refused(scene, 12, "compare this host's clock")
    scene.forge.seal()
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "1.1.0")


def test_a_pause_that_was_noted_with_a_clock_ten_years_ahead(scene):
    """A failed attempt is tried again within a day, also when the clock was wrong at the time."""
    scene.ready()
    scene.release("1.1.0")
    scene.host.query(
        "INSERT INTO memory VALUES ('retry/agent/1.1.0',"
        " json_object('count', 1, 'at', '2099-01-01T00:00:00+00:00'))"
    )
    scene.host.tick()
    assert scene.host.runs == "1.1.0"
