"""Bad input and bad disks: each is a clear error with its exit code, and what runs is left alone."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent import bare
from agent.guard import watch
from tests.agent.test_crashes import dies_in
from tests.agent.test_guard import overdue, watched
from tests.conftest import ROOT
from tests.support.host import eventually
from tests.support.web import silent


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[Path, str], None]]:
    """Mounts file systems of a given size, which takes root."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted: list[Path] = []

    def mount(folder: Path, size: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        again = ["remount,"] if folder in mounted else [""]
        command = ["mount", "-t", "tmpfs", "-o", f"{again[0]}size={size}", "tmpfs", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        if folder not in mounted:
            mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def untouched(scene, exit_code: int, said: str, *command: str) -> None:
    """A command fails clearly, and the product does not notice."""
    pid = scene.host.pid
    done = scene.host.run(*(command or ("tick",)))
    assert done.exit_code == exit_code, done.stderr
    assert said in done.stderr
    assert done.stderr.count("hint: ") == 1
    assert (scene.host.runs, scene.host.pid) == ("1.0.0", pid)


@pytest.mark.parametrize("damage", [b"this is no database" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_journal(scene, damage):
    """It is told what to do about it; a new journal learns what it needs from the disk and the repository."""
    scene.ready()
    journal = scene.host.state / "journal.db"
    journal.write_bytes(damage)
    untouched(scene, 10, "move the file aside")
    journal.rename(journal.with_name("aside"))
    assert scene.host.tick().rule == "current"
    scene.release("1.1.0")
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_journal_that_makes_no_sense(scene):
    """A state that nobody knows is an error, and no reason to begin anew."""
    scene.ready()
    scene.host.query("UPDATE product SET state = 'DREAMING'")
    untouched(scene, 10, "makes no sense")


def test_no_room_for_a_version(scene, small_disk):
    """The space is looked at before the download; with more of it the next tick goes on."""
    scene.host.root.mkdir()
    small_disk(scene.host.root, "100m")
    scene.ready()
    scene.release("1.1.0")
    small_disk(scene.host.root, "20m")
    untouched(scene, 13, "free some space")
    assert not scene.web.asked(scene.artifact("1.1.0").name)
    small_disk(scene.host.root, "100m")
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_no_room_for_the_copies_of_the_configuration(scene, small_disk):
    """They are no reason to fill a disk: nothing is stopped, and the next tick goes on when there is room."""
    scene.host.state.mkdir()
    small_disk(scene.host.state, "100m")
    scene.ready()
    huge = scene.host.config.with_name("core")
    with huge.open("wb") as file:
        file.truncate(50 << 20)
    scene.release("1.1.0")
    untouched(scene, 13, "52,428,8")
    assert not list((scene.host.state / "backups").rglob("core"))
    huge.unlink()
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_read_only_file_system(scene, small_disk):
    """The trouble is told in words, with its mend, and is over when somebody has mended it."""
    scene.host.root.mkdir()
    small_disk(scene.host.root, "100m")
    scene.ready()
    scene.release("1.1.0")
    remount(scene.host.root, "ro")
    untouched(scene, 13, ".staging-1.1.0: Read-only file system\nhint: make that file system writable")
    remount(scene.host.root, "rw")
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


@pytest.mark.parametrize("guarded", [False, True])
def test_a_trial_that_a_read_only_disk_kept_from_its_end(scene, small_disk, guarded):
    """Where no time can be noted, a note lies elsewhere: the environment is blamed, and the mount named."""
    small_disk(scene.host.state, "100m")
    scene.ready()
    scene.release("1.1.0")
    dies_in(scene.host, "ON_TRIAL")
    scene.host.query("UPDATE product SET work = json_set(work, '$.trial_from_s', -10000)")
    overdue(scene.host)
    remount(scene.host.state, "ro")
    done = scene.host.run("guard" if guarded else "tick")
    assert done.exit_code == (14 if guarded else 13), done.stderr
    place = watch.place(scene.host.state, "agent")
    note = watch.note_of(place, watch.Watch(**watched(scene.host)))
    assert note.exists()
    said = f"warning: {scene.host.state}: read-only file system, so nothing can be updated"
    assert said in scene.host.run("status").stdout
    assert "make that file system writable" in scene.host.run("doctor").stdout
    remount(scene.host.state, "rw")
    scene.host.tick()
    assert (scene.host.runs, scene.host.stands, scene.host.rule()) == ("1.0.0", "IDLE", "backoff")
    assert scene.host.history()[-1] == ("update_rollback", "ok", "environment")
    assert not note.exists()


def test_a_link_that_cannot_be_put_in_its_place(scene):
    """A switch that fails at a link leaves the product running, and nothing beside the link."""
    scene.ready()
    scene.release("1.1.0")
    in_the_way = scene.host.root / "agent" / "previous"
    in_the_way.mkdir()
    assert (scene.host.tick().rule, scene.host.runs) == ("backoff", "1.0.0")
    assert sorted(path.name for path in in_the_way.parent.iterdir()) == ["current", "previous", "versions"]


def remount(folder: Path, how: str) -> None:
    """Let a file system be mounted as ``ro`` or ``rw``, as a kernel does on errors, and people afterwards."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True, capture_output=True)


def test_a_full_disk_under_the_state(scene, small_disk):
    """Where nothing can be written, nothing is begun."""
    scene.host.state.mkdir()
    small_disk(scene.host.state, "100m")
    scene.ready()
    scene.release("1.1.0")
    ballast = scene.host.state / "ballast"
    free = shutil.disk_usage(scene.host.state).free
    ballast.write_bytes(bytes(free))
    untouched(scene, 13, "hint: ")
    ballast.unlink()
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_two_ticks_at_once(scene):
    """The second is told that another one is at work."""
    scene.ready()
    done = threading.Event()
    scene.web.faults["timestamp.json"] = silent(done)
    one = scene.host.begin("tick")
    eventually(lambda: scene.web.asked("timestamp.json") > 0)
    untouched(scene, 15, "another tidegate-agent is at work")
    assert scene.host.run("status").exit_code == 0
    done.set()
    one.communicate(timeout=120)


def test_a_host_that_is_not_enrolled(scene):
    """Every command says how a host is enrolled."""
    for command in ("tick", "check", "status", "explain", "history", "verify"):
        done = scene.host.run(command)
        assert (done.exit_code, "tidegate-agent enroll" in done.stderr) == (13, True)


def test_a_damaged_identity(scene):
    """A root that is not the one that was pinned is not used."""
    scene.ready()
    root = scene.host.state / "identity" / "root.json"
    root.write_bytes(root.read_bytes() + b" ")
    untouched(scene, 10, "is not the root that was pinned")


def test_a_state_folder_that_is_none(scene):
    """A state folder that cannot be used is named."""
    scene.ready()
    aside = scene.host.state.rename(scene.host.folder / "aside")
    scene.host.state.write_text("")
    untouched(scene, 13, "cannot be used")
    scene.host.state.unlink()
    shutil.move(aside, scene.host.state)
    assert scene.host.tick().exit_code == 0


@pytest.mark.parametrize("command", ["enroll", "run"])
def test_a_state_folder_below_a_file(scene, command):
    """A path that leads through a file is the settings' trouble, and no bug."""
    scene.host.settings.write_text(scene.host.plain.replace(f'"{scene.host.state}"', '"/dev/null/x"'))
    done = scene.enroll() if command == "enroll" else scene.host.run(command)
    assert done.exit_code == 13, done.stderr
    assert "/dev/null/x cannot be used: Not a directory" in done.stderr
    assert "correct the path in the settings" in done.stderr


@pytest.mark.parametrize("place", ["/", "{state}", "{state}/identity", "{root}/agent", "{folder}"])
def test_configuration_that_would_be_the_agents_own_folders(scene, place):
    """A way back would restore the agent's memory, or the whole disk: such settings are refused."""
    scene.ready()
    host = scene.host
    named = place.format(state=host.state, root=host.root, folder=host.folder)
    host.settings.write_text(host.plain.replace(f'"{host.config.parent}"', f'"{named}"'))
    untouched(scene, 10, f"take {named} out of config")


def test_no_settings(scene):
    """A settings file that is not there is a matter of usage."""
    scene.ready()
    scene.host.settings.unlink()
    untouched(scene, 2, "--config")


@pytest.mark.parametrize(
    "text",
    [
        b"state = ",
        b"\xff\xfe",
        b'[[product]]\nname = "Agent"',
        b'[[product]]\nname = "a"\nwindows = ["Monday"]',
        b'state = ""',
        b'root = ""',
        b'[[product]]\nname = "a"\nservice = { kind = "child", command = ["a"], stop_s = 86401 }',
    ],
    ids=["toml", "bytes", "name", "window", "state", "root", "stop"],
)
def test_malformed_settings(scene, text):
    """The error names the file and the trouble."""
    scene.ready()
    scene.host.settings.write_bytes(text)
    untouched(scene, 10, "agent.toml")


def test_relative_places_begin_where_the_settings_are(scene):
    """Whoever types a command elsewhere speaks of the same host."""
    text = scene.host.settings.read_text()
    scene.host.settings.write_text(text.replace(f"{scene.host.folder}/", "", 2))
    assert scene.host.settings.read_text().startswith('state = "state"\nroot = "root"')
    scene.ready()
    elsewhere = [*scene.host.command("status"), "--json"]
    done = subprocess.run(elsewhere, cwd=ROOT, env=scene.host.environment, capture_output=True, check=True)
    assert (b"1.0.0" in done.stdout, scene.host.installed) == (True, "1.0.0")
    assert bare.read(scene.host.settings) == (scene.host.state, scene.host.root)


def test_settings_that_are_a_folder(scene):
    """A settings file that cannot be read is no reason to guess."""
    scene.ready()
    scene.host.settings.unlink()
    scene.host.settings.mkdir()
    pid = scene.host.pid
    done = scene.host.tick()
    assert (done.exit_code, scene.host.pid) == (10, pid)
    assert "cannot be read" in done.stderr


def test_unknown_settings(scene):
    """An unknown key is an error where a person looks, and a warning in a tick."""
    scene.ready()
    scene.host.write_settings('colour = "blue"')
    for command in ("check", "update", "rollback", "unpin"):
        untouched(scene, 10, "product.colour", command)
    done = scene.host.tick()
    assert (done.exit_code, "warning: " in done.stderr, "colour" in done.stderr) == (0, True, True)
    assert scene.host.run("doctor").exit_code == 14


def test_a_product_that_nobody_set_up(scene):
    """A product's name must be in the settings."""
    scene.ready()
    assert scene.host.run("check", "--product", "other").exit_code == 2


def test_a_channel_that_the_repository_does_not_have(scene):
    """A channel that is not there is the settings' fault."""
    scene.ready()
    scene.host.write_settings('channel = "beta"')
    untouched(scene, 13, "no channel agent/beta")
