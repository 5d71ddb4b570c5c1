"""The dead-man: a trial that nobody keeps in time is taken back."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from agent import locking
from agent.guard import watch as watching
from metadata.errors import ConflictError
from tests.agent.scene import Scene
from tests.agent.test_crashes import dies_in
from tests.conftest import ROOT
from tests.project.test_lean import LIBRARIES
from tests.support.host import Host, eventually


def watched(host: Host) -> dict[str, Any]:
    """Return what the guard knows of the open trial."""
    found: dict[str, Any] = json.loads(watching.place(host.state, host.product).read_bytes())
    return found


def rewrite(host: Host, **fields: object) -> None:
    """Change what the guard knows, as time would."""
    watching.place(host.state, host.product).write_text(json.dumps({**watched(host), **fields}))


def overdue(host: Host) -> None:
    """Let the time of the open trial be over."""
    rewrite(host, until_s=0)


@pytest.fixture
def left(scene: Scene) -> Scene:
    """A host whose updater died for good in the middle of a trial, with a changed configuration."""
    scene.ready()
    scene.release("1.1.0", "migrates")
    dies_in(scene.host, "ON_TRIAL")
    eventually(lambda: scene.host.runs == "1.1.0")
    return scene


def test_nobody_is_disturbed_in_time(left):
    """Before the deadline the guard looks, and leaves everything as it is."""
    before = watched(left.host)
    assert left.host.run("guard").exit_code == 0
    assert (left.host.runs, watched(left.host)) == ("1.1.0", before)


def test_a_trial_that_nobody_keeps_goes_back(left):
    """The old version runs with its configuration, and the next tick owns up to it."""
    overdue(left.host)
    assert left.host.run("guard").exit_code == 0
    eventually(lambda: left.host.runs == "1.0.0")
    assert left.host.config.read_text() == "colour = blue\n"
    left.host.tick()
    assert (left.host.runs, left.host.stands) == ("1.0.0", "IDLE")
    assert ("update_healthcheck", "failed", "deadline") in left.host.history()
    assert "the guard went back to 1.0.0" in left.host.details("update_healthcheck")
    assert left.host.tick().rule == "quarantined"
    assert not watching.place(left.host.state, "agent").exists()


def test_malformed_settings_do_not_end_the_guard(left):
    """A trial goes back in time although somebody broke the settings meanwhile, which the guard says."""
    overdue(left.host)
    left.host.settings.write_text(f"{left.host.plain}\nhealth = [\n")
    done = left.host.run("guard")
    assert (done.exit_code, "until the file is mended" in done.stderr) == (0, True)
    eventually(lambda: left.host.runs == "1.0.0")


def test_a_switch_that_nobody_finished_goes_back(scene):
    """Killed before the switch, the old version runs again."""
    scene.ready()
    scene.release("1.1.0")
    hold = scene.host.folder / "hold-stop"
    hold.touch()
    tick = scene.host.begin("tick")
    eventually((scene.host.folder / "held").exists)
    os.killpg(tick.pid, 9)
    tick.communicate()
    hold.unlink()
    overdue(scene.host)
    scene.host.run("guard")
    eventually(lambda: scene.host.runs == "1.0.0")


def test_a_guard_that_is_killed_is_followed_by_the_next(left):
    """However often the guard begins again, it comes to the same end."""
    overdue(left.host)
    hold = left.host.folder / "hold-stop"
    hold.touch()
    guard = left.host.begin("guard")
    eventually((left.host.folder / "held").exists)
    os.killpg(guard.pid, 9)
    guard.communicate()
    hold.unlink()
    left.host.run("guard")
    eventually(lambda: left.host.runs == "1.0.0")
    left.host.run("guard")
    assert watched(left.host)["done"] == "went back to 1.0.0, and started it"


def test_no_way_back_to_what_must_not_run(left):
    """What was revoked meanwhile is not brought back: the version on trial is started again, and stays."""
    rewrite(left.host, until_s=0, stay="1.0.0 is revoked: it leaks")
    pid = left.host.pid
    left.host.run("guard")
    eventually(lambda: left.host.runs == "1.1.0" and left.host.pid != pid)
    assert watched(left.host)["done"].startswith("left 1.1.0 in place: 1.0.0 is revoked")


def test_a_first_version_that_nobody_keeps_is_taken_away(scene):
    """Where nothing ran before, nothing runs afterwards."""
    scene.enroll()
    scene.release("1.0.0")
    dies_in(scene.host, "ON_TRIAL")
    overdue(scene.host)
    scene.host.run("guard")
    assert (scene.host.runs, scene.host.installed) == (None, None)
    scene.host.tick()
    assert scene.host.stands == "STRANDED"


def test_another_boot_counts_its_own_time(left):
    """Seconds awake of another boot say nothing, and the trial begins anew; but not for ever."""
    rewrite(left.host, until_s=0, boot="another")
    left.host.run("guard")
    assert (left.host.runs, watched(left.host)["boots"]) == ("1.1.0", 1)
    rewrite(left.host, boot="yet another", boots=watching.MAX_BOOTS)
    left.host.run("guard")
    left.host.run("guard")
    eventually(lambda: left.host.runs == "1.0.0")


@pytest.mark.parametrize(("clock", "kept"), [("boottime", True), ("monotonic", False)])
def test_only_time_awake_counts(left, clock, kept):
    """A host that slept for a day is not late, for the guard or for the tick; one that was awake is."""
    day_later = ("unshare", "--time", f"--{clock}", "86400", "--fork")
    if subprocess.run([*day_later, "true"], capture_output=True, check=False).returncode:
        pytest.skip("shifting the clocks of a process needs root and a kernel with time namespaces")
    for command in ("guard", "tick"):
        later = [*day_later, *left.host.command(command)]
        assert subprocess.run(later, env=left.host.environment, check=False).returncode == 0
        eventually(lambda: left.host.runs == ("1.1.0" if kept else "1.0.0"))
    assert left.host.stands == "IDLE"
    assert (("update_healthcheck", "failed", "deadline") in left.host.history()) is not kept


def test_the_guard_waits_as_long_as_is_promised(scene):
    """A trial has its own time and a quarter of an hour, as the documentation says."""
    scene.ready()
    scene.release("1.1.0", "good", "--start-s", "10", "--trial-s", "50")
    tick = scene.host.begin("tick")
    eventually(lambda: scene.host.stands == "ON_TRIAL" and watched(scene.host)["budget_s"] == 60 + 15 * 60)
    os.killpg(tick.pid, 9)
    tick.communicate()


def test_what_is_in_place_was_not_on_trial(left):
    """A record from another time, as in a restored backup, takes nothing back."""
    rewrite(left.host, until_s=0, version="0.9.0", before="0.8.0")
    left.host.run("guard")
    assert left.host.runs == "1.1.0"
    assert watched(left.host)["done"].startswith("left it alone")


def test_a_tick_at_work_is_left_alone_until_it_hangs(left):
    """Whoever holds the lock past the deadline is ended, and the trial is taken back."""
    code = (
        "import sys, pathlib; from agent import locking\n"
        "with locking.locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    hung = subprocess.Popen(
        [sys.executable, "-c", code, str(left.host.state)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with hung:
        assert hung.stdout is not None
        assert hung.stdout.readline() == b"held\n"
        assert (left.host.run("guard").exit_code, left.host.runs) == (0, "1.1.0")
        overdue(left.host)
        done = left.host.run("guard")
        assert f"process {hung.pid} holds the lock" in done.stderr
        assert hung.wait(60) == -9
    eventually(lambda: left.host.runs == "1.0.0")


def test_a_trial_that_is_over_is_not_guarded(scene):
    """Kept or lost, the guard has nothing more to look after."""
    scene.ready()
    scene.release("1.1.0", "unhealthy", "--start-s", "1")
    scene.host.tick()
    assert list(watching.every(scene.host.state)) == []


def test_a_lost_journal_hides_nothing(left):
    """What the guard did to an update that the journal has forgotten stands in the history."""
    overdue(left.host)
    left.host.run("guard")
    (left.host.state / "journal.db").unlink()
    left.host.tick()
    assert ("update_rollback", "ok", "deadline") in left.host.history()


def test_a_damaged_record_is_named(left):
    """What cannot be read is said, and does not keep the guard from the others."""
    watching.place(left.host.state, "agent").write_text("[]")
    done = left.host.run("guard")
    assert (done.exit_code, "cannot look after agent" in done.stderr) == (14, True)


def test_the_guard_needs_the_standard_library_only():
    """It works where neither TUF nor the journal do."""
    code = "import sys, agent.guard.duty; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, check=True, cwd=ROOT)
    found = {name.partition(".")[0] for name in done.stdout.decode().split()}
    assert found & LIBRARIES == set()
    assert found - sys.stdlib_module_names <= {"agent", "metadata", "__main__"}


def test_the_lock_outlives_its_note(tmp_path):
    """Whoever deletes the note does not get the lock."""
    with locking.locked(tmp_path):
        assert locking.holder(tmp_path) is not None
        (tmp_path / locking.NOTE).unlink()
        with pytest.raises(ConflictError), locking.locked(tmp_path):
            pass
    assert locking.holder(tmp_path) is None
