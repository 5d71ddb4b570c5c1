"""First installs: a host without the product."""

import shutil
import subprocess
from pathlib import Path

from tests.support.product import build


def test_a_host_installs_what_its_wave_runs(scene):
    """A host without the product installs it, starts it, and keeps it when it is healthy."""
    scene.enroll()
    scene.release("1.0.0")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs, scene.host.installed) == (0, "1.0.0", "1.0.0")
    stages = [stage for stage, outcome, _ in scene.host.history() if outcome == "ok"]
    assert stages == ["update_download", "update_verify", "update_install", "update_healthcheck"]


def test_a_tick_with_nothing_to_do_asks_twice(scene):
    """The next root and the timestamp are all that an up-to-date host asks for."""
    scene.ready()
    done = scene.host.tick()
    assert (done.exit_code, done.rule) == (0, "current")
    assert [path.rpartition("/")[2] for path in scene.web.requests] == ["2.root.json", "timestamp.json"]
    assert scene.web.body_bytes < 1024


def test_nothing_was_ordered_yet(scene):
    """Before the first rollout a host stays as it is and says so."""
    scene.enroll()
    done = scene.host.tick()
    assert (done.exit_code, done.rule, done.entry["running"]) == (0, "no_order", None)
    assert scene.host.installed is None


def test_a_first_install_that_fails_is_taken_away(scene):
    """What does not run is not installed: the host is stranded, and says why."""
    scene.enroll()
    scene.release("1.0.0", "unhealthy", "--start-s", "1")
    done = scene.host.tick()
    assert (done.exit_code, done.entry["state"], done.entry["running"]) == (0, "STRANDED", None)
    assert scene.host.runs is None
    assert scene.host.installed is None
    assert scene.host.tick().rule == "quarantined"
    scene.release("1.0.1")
    assert scene.host.tick().entry["state"] == "IDLE"
    assert scene.host.runs == "1.0.1"


def test_files_alone_for_a_platform_that_the_settings_name(scene):
    """Where nothing runs there is nothing to watch: what that platform gets is in place at once."""
    scene.host.health.clear()
    scene.host.write_settings('platform = "plan9-mips"')
    lines = scene.host.settings.read_text().splitlines(keepends=True)
    scene.host.settings.write_text("".join(line for line in lines if not line.startswith("service")))
    scene.enroll()
    tree = build(scene.repo.base / "builds", "1.0.0")
    scene.repo.do("release", "add", "1.0.0", tree, "--platform", "plan9-mips", "--trial-s", "3600")
    scene.order("1.0.0")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.installed, scene.host.runs) == (0, "1.0.0", None), done.stderr
    assert scene.host.history()[-1] == ("update_healthcheck", "ok", "")


def test_a_release_for_another_platform_is_foreign(scene):
    """A host refuses what its platform has no artifact for."""
    scene.enroll()
    scene.host.write_settings('platform = "plan9-mips"')
    scene.release("1.0.0")
    done = scene.host.tick()
    assert (done.exit_code, done.entry["decision"]["action"], done.rule) == (0, "refuse", "foreign")
    assert scene.host.installed is None


def test_a_version_whose_folder_is_gone_is_installed_anew(scene):
    """What somebody removed comes back by a trial of its own: a link to nothing counts for nothing."""
    scene.ready()
    subprocess.run([scene.host.folder / "ctl", "stop"], check=True)
    shutil.rmtree(scene.host.root / "agent" / "versions" / "1.0.0")
    done = scene.host.tick()
    assert (done.exit_code, done.rule, scene.host.runs) == (0, "current", "1.0.0"), done.stdout
    assert scene.host.history()[-1][:2] == ("update_healthcheck", "ok")


def test_what_runs_beside_the_links_is_stopped_before_an_install(scene):
    """An old process that answers in the new version's place would win its trial for it."""
    scene.ready()
    before = scene.host.pid
    shutil.rmtree(scene.host.root / "agent")
    scene.release("1.1.0", "crashes")
    scene.host.tick()
    assert (scene.host.installed, scene.host.history()[-1][2]) == (None, "first_install")
    scene.release("1.2.0")
    scene.host.tick()
    assert (scene.host.runs, Path(f"/proc/{before}").exists()) == ("1.2.0", False)
