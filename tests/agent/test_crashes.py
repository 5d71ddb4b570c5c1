"""Ticks that die: whatever was interrupted, the next tick comes to the same end."""

import os
import signal
import subprocess

import pytest

from tests.conftest import ROOT
from tests.support.host import Host, eventually


def dies_in(host: Host, state: str) -> None:
    """Run a tick that is killed as soon as the journal has a state."""
    command = host.module("tests.agent.crashing", state, str(host.settings))
    done = subprocess.run(command, cwd=ROOT, env=host.environment, capture_output=True, check=False)
    assert (done.returncode, host.stands) == (-signal.SIGKILL, state), done.stderr.decode()


@pytest.mark.parametrize("state", ["CHOSEN", "FETCHED", "STAGED", "SWITCHING", "ON_TRIAL", "COMMITTED"])
def test_an_update_that_was_interrupted_is_finished(scene, state):
    """Killed in any state of a good update, the host runs the new version after the next tick."""
    scene.ready()
    scene.release("1.1.0")
    dies_in(scene.host, state)
    runs = "1.1.0" if state in {"ON_TRIAL", "COMMITTED"} else "1.0.0"
    eventually(lambda: scene.host.runs == runs)
    done = scene.host.tick()
    assert (done.exit_code, done.entry["state"], scene.host.runs) == (0, "IDLE", "1.1.0"), done.stderr
    assert scene.host.tick().rule == "current"


@pytest.mark.parametrize("state", ["ON_TRIAL", "ROLLING_BACK", "ROLLED_BACK"])
def test_a_way_back_that_was_interrupted_is_finished(scene, state):
    """Killed on the way back, the host is back after the next tick, with its configuration."""
    scene.ready()
    scene.release("1.1.0", "migrates+unhealthy", "--start-s", "1")
    dies_in(scene.host, state)
    done = scene.host.tick()
    assert (done.exit_code, done.entry["state"], scene.host.runs) == (0, "IDLE", "1.0.0")
    assert scene.host.config.read_text() == "colour = blue\n"
    assert scene.host.tick().rule == "quarantined"


@pytest.mark.parametrize("state", ["CHOSEN", "SWITCHING", "ON_TRIAL"])
def test_a_first_install_that_was_interrupted_is_finished(scene, state):
    """The same holds where nothing ran before."""
    scene.enroll()
    scene.release("1.0.0")
    dies_in(scene.host, state)
    scene.host.tick()
    assert scene.host.runs == "1.0.0"


def test_a_tick_that_is_killed_between_two_versions(scene):
    """Killed while the old version is being stopped, the next tick takes the switch up again."""
    scene.ready()
    scene.release("1.1.0")
    hold = scene.host.folder / "hold-stop"
    hold.touch()
    tick = scene.host.begin("tick")
    eventually((scene.host.folder / "held").exists)
    os.killpg(tick.pid, signal.SIGKILL)
    tick.communicate()
    hold.unlink()
    eventually(lambda: not (scene.host.folder / "pid").exists())
    scene.host.tick()
    assert (scene.host.runs, scene.host.installed) == ("1.1.0", "1.1.0")


def test_a_trial_that_nobody_watched_is_over(scene):
    """The deadline of a trial stands in the journal, and the next tick enforces it, however late it comes."""
    scene.ready()
    scene.release("1.1.0", "good", "--trial-s", "3600")
    dies_in(scene.host, "ON_TRIAL")
    scene.host.query("UPDATE product SET work = json_set(work, '$.trial_from_s', -10000)")
    scene.host.tick()
    assert scene.host.runs == "1.0.0"
    assert ("update_healthcheck", "failed", "deadline") in scene.host.history()


def test_a_reboot_begins_a_trial_anew(scene):
    """Seconds awake of another boot say nothing."""
    scene.ready()
    scene.release("1.1.0")
    dies_in(scene.host, "ON_TRIAL")
    after = "json_set(work, '$.trial_from_s', -10000, '$.trial_boot', 'another')"
    scene.host.query(f"UPDATE product SET work = {after}")
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


@pytest.mark.parametrize(("state", "count"), [("SWITCHING", "switch_attempts"), ("ON_TRIAL", "trials")])
def test_a_host_that_never_gets_through_goes_back(scene, state, count):
    """A version that takes its host down with it is given up after some attempts."""
    scene.ready()
    scene.release("1.1.0", "good", "--trial-s", "2")
    dies_in(scene.host, state)
    scene.host.query(f"UPDATE product SET work = json_set(work, '$.{count}', 3)")
    scene.host.tick()
    assert scene.host.runs == "1.0.0"
    assert "interrupted" in [reason for _, _, reason in scene.host.history()]


def test_a_dead_tick_leaves_no_half_versions(scene):
    """What was being unpacked is not taken for a version."""
    scene.ready()
    scene.release("1.1.0")
    dies_in(scene.host, "FETCHED")
    half = scene.host.root / "agent" / "versions" / ".staging-1.1.0"
    half.mkdir()
    (half / "bin").mkdir()
    scene.host.tick()
    assert (scene.host.runs, scene.host.versions) == ("1.1.0", ["1.0.0", "1.1.0"])
