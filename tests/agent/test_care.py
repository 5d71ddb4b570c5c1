"""Hosts in somebody's care: taken over, only watched, let go; and versions that are given another chance."""

import shutil
import subprocess

import pytest

from tests.support.product import build


@pytest.fixture
def legacy(scene):
    """An installation that nobody manages, and that runs."""
    folder = scene.host.folder / "legacy"
    shutil.copytree(build(scene.repo.base / "builds", "1.0.0"), folder)
    subprocess.run([scene.host.folder / "ctl", "start", folder], check=True)
    scene.host.eventually(lambda: scene.host.runs == "1.0.0")
    return folder


def test_an_installation_is_taken_over_and_let_go(scene, legacy, tmp_path):
    """What ran before goes on running; updates begin with the next release, and end when it is let go."""
    assert scene.enroll().exit_code == 0
    scene.release("1.0.0")
    pid = scene.host.pid
    done = scene.host.run("adopt", "agent", "--version", "1.0.0", "--from", str(legacy), "--json")
    assert (done.exit_code, done.json["found"]) == (0, "as it was signed"), done.stderr
    assert (scene.host.tick().rule, scene.host.pid, scene.host.installed) == ("current", pid, "1.0.0")
    assert "is new although" not in scene.host.run("doctor").stdout
    scene.release("1.1.0")
    scene.host.tick()
    assert (scene.host.runs, legacy.exists()) == ("1.1.0", True)

    copy = tmp_path / "own"
    pid = scene.host.pid
    for own in (legacy / ".." / "state" / "copy", scene.host.root / "agent" / "versions" / "9.9.9"):
        done = scene.host.run("let-go", "agent", "--to", str(own))
        assert (done.exit_code, own.exists(), "own folder" in done.stderr) == (2, False, True)
    assert scene.host.run("let-go", "agent", "--to", str(copy)).exit_code == 0
    assert (copy / "share" / "notes.txt").read_text() == "This is 1.1.0.\n"
    scene.release("1.2.0")
    assert (scene.host.tick().rule, scene.host.pid) == ("observed", pid)
    assert scene.host.run("adopt", "agent").exit_code == 0
    scene.host.tick()
    assert scene.host.runs == "1.2.0"
    assert scene.host.run("let-go", "agent", "--to", str(copy)).exit_code == 15
    assert scene.host.run("adopt", "agent").exit_code == 2


def test_a_product_that_was_not_quite_let_go_is_let_go_by_the_same_command(scene, tmp_path):
    """Killed between copy and note, it is managed still; that copy is no obstacle, as another would be."""
    scene.ready()
    copy = tmp_path / "own"
    shutil.copytree(scene.host.root / "agent" / "versions" / "1.0.0", copy)
    (copy / "added").touch()
    assert scene.host.run("let-go", "agent", "--to", str(copy)).exit_code == 15
    (copy / "added").unlink()
    assert scene.host.run("let-go", "agent", "--to", str(copy)).exit_code == 0
    assert "watched" in scene.host.entry()
    shutil.rmtree(scene.host.root / "agent")
    gone = scene.host.run("adopt", "agent")
    assert (gone.exit_code, "the version of agent that was let go is gone" in gone.stderr) == (2, True)


def test_what_is_not_as_it_was_signed_is_taken_over_only_when_asked(scene, legacy):
    """Differences are named, and nothing is in place until somebody says that there may be some."""
    assert scene.enroll().exit_code == 0
    scene.release("1.0.0")
    adopt = ("adopt", "agent", "--version", "1.0.0", "--from", str(legacy))
    (legacy / "share" / "notes.txt").write_text("patched by hand")
    (legacy / "share" / "local.txt").write_text("by hand")
    done = scene.host.run(*adopt)
    assert (done.exit_code, scene.host.installed, scene.host.versions) == (12, None, [])
    assert "share/local.txt was added, share/notes.txt was changed" in done.stderr
    assert scene.host.run(*adopt, "--as-it-is").exit_code == 0
    slot = scene.host.root / "agent" / "versions" / "1.0.0"
    assert (slot / "share" / "notes.txt").read_text() == "patched by hand"
    done = scene.host.run(*adopt)
    assert (done.exit_code, scene.host.installed) == (15, "1.0.0")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--version", "1.0"),
        ("--version", "1.0", "--from", "/nonexistent"),
        ("--version", "v1", "--from", "/etc"),
    ],
)
def test_an_adoption_that_says_too_little_is_refused(scene, options):
    """What is installed, and where, belongs together."""
    assert scene.enroll().exit_code == 0
    assert scene.host.run("adopt", "agent", *options).exit_code in {2, 10}
    assert scene.host.installed is None


def test_a_product_that_is_only_watched_is_not_touched(scene):
    """The decision is taken and told once, and nothing is downloaded, staged or switched."""
    scene.ready()
    pid = scene.host.pid
    scene.host.write_settings('mode = "observe"')
    scene.release("1.1.0")
    for _ in range(2):
        assert scene.host.tick().rule == "observed"
    assert "update to 1.1.0" in scene.host.entry()["decision"]["text"]
    assert scene.host.entry()["watched"] == "the settings say observe"
    assert "agent 1.0.0 [IDLE, wave canary, only watched] " in scene.host.run("status").stdout
    assert scene.host.history().count(("refusal", "deferred", "observed")) == 1
    assert (scene.host.run("update").exit_code, scene.host.run("rollback").exit_code) == (13, 13)
    assert (scene.host.pid, scene.host.versions) == (pid, ["1.0.0"])
    assert not list((scene.host.state / "downloads").rglob("*.zst"))
    scene.host.write_settings()
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_quarantine_is_listed_and_lifted(scene):
    """A version that failed is named with its payload, and is tried again when somebody says so."""
    scene.ready()
    assert scene.host.run("quarantine", "list").stdout == "nothing is quarantined\n"
    scene.release("1.1.0", "liar")
    assert scene.host.tick().rule == "quarantined"
    (entry,) = scene.host.run("quarantine", "list", "--json").json["quarantine"]
    assert (entry["version"], entry["blame"], scene.host.entry()["quarantine"]) == (
        "1.1.0",
        "version",
        ["1.1.0"],
    )
    assert "quarantine lift 1.1.0" in scene.host.run("doctor").stdout
    assert scene.host.run("quarantine", "lift", "1.2.0").exit_code == 2
    lifted = scene.host.run("quarantine", "lift", entry["payload_sha256"], "--json")
    assert lifted.json == {"lifted": {"agent": ["1.1.0"]}}
    assert "quarantine" not in scene.host.entry()
    scene.host.tick()
    assert scene.host.history().count(("update_verify", "failed", "probe")) == 2
