"""Disks that fill up: room is asked for before a download, and what did not fit leaves nothing behind."""

import os
import shutil
import subprocess

import pytest

from agent.steps.download import SPARE_BYTES, check_space
from metadata.errors import UnsuitableError
from tests.support.systemd import may_mount


def test_folders_on_one_disk_share_its_room(tmp_path):
    """What fits twice by itself does not fit together, and the message says how much is missing."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    most = (shutil.disk_usage(tmp_path).free - SPARE_BYTES) * 2 // 3
    check_space({one: most})
    with pytest.raises(UnsuitableError, match="bytes free"):
        check_space({one: most, other: most})


def test_a_version_that_does_not_fit_leaves_nothing(scene):
    """A disk that fills up in the middle of unpacking is as it was before, and what was fetched is kept."""
    may_mount()
    assert scene.enroll().exit_code == 0
    scene.release("1.0.0")
    scene.host.root.mkdir()
    script = """mount -t tmpfs -o size=256m,nr_inodes=7 tmpfs "$1" && root="$1" && shift
    "$@"; code=$?; cd "$root" && find . ; exit $code"""
    command = ["unshare", "--mount", "sh", "-c", script, "sh", scene.host.root, *scene.host.command("tick")]
    done = subprocess.run(command, env=scene.host.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "free some space" in done.stderr) == (13, True), done.stderr
    assert done.stdout.split()[-3:] == [".", "./agent", "./agent/versions"]
    assert len(list((scene.host.state / "downloads").rglob("*.zst"))) == 1
    scene.host.tick()
    assert scene.host.runs == "1.0.0"


def test_old_documents_make_room(scene):
    """A host that is updated for years keeps no more documents than a decision may need."""
    scene.ready()
    folder = scene.host.state / "tuf" / "documents"
    for number in range(100):
        path = folder / f"{number:064x}"
        path.write_text("an old policy")
        os.utime(path, (number, number))
    scene.release("1.1.0")
    scene.host.tick()
    assert scene.host.runs == "1.1.0"
    assert len(list(folder.iterdir())) <= 64
