"""Places that are not there, cannot be written or are full: each is a sentence, never a traceback."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from metadata.errors import UsageError
from repo_tools.moments import moment, seconds
from tests.repo_tools.conftest import NOON


@pytest.fixture
def full_disk(tmp_path) -> Iterator[Path]:
    """A file system with room for almost nothing, which takes root."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "full"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


@pytest.mark.parametrize("command", [("audit",), ("check", "--url")])
def test_an_address_with_an_open_bracket(rolled, command):
    """It is an error of the command line."""
    refused = rolled.run(*command, "http://[::1", "--root", str(rolled.root_file))
    assert refused.exit_code == 2
    assert "not an address: 'http://[::1'" in refused.stderr


@pytest.mark.parametrize("command", [("inspect", "root"), ("log",), ("audit",)])
@pytest.mark.parametrize("held", ["no JSON", "timestamp"])
def test_a_root_file_that_is_none(rolled, tmp_path, command, held):
    """It is named by its path, with what a root file is: the workspace's own is not to blame."""
    named = tmp_path / "named.json"
    live = rolled.store / "metadata" / "timestamp.json"
    named.write_bytes(live.read_bytes() if held == "timestamp" else b"no JSON")
    refused = rolled.run(command[0], str(rolled.store), *command[1:], "--root", str(named))
    assert refused.exit_code == 10
    assert f"error: {named} " in refused.stderr
    assert "hint: name a root file" in refused.stderr


@pytest.mark.parametrize("place", ["nowhere", "root.json"])
def test_a_bundle_for_a_folder_that_is_none(rolled, place):
    """It says which file cannot be written, and why."""
    refused = rolled.run("bundle", "export", str(rolled.folder / place / "x.tar"))
    assert refused.exit_code == 2
    assert "x.tar cannot be written: No" in refused.stderr


def test_a_full_disk(rolled, full_disk):
    """Whoever fills it with a bundle or a mirror is told to make room."""
    refused = rolled.run("bundle", "export", str(full_disk / "x.tar"))
    assert refused.exit_code == 2
    assert "x.tar cannot be written: No space left on device" in refused.stderr
    assert list(full_disk.iterdir()) == []
    rolled.do("bundle", "export", str(rolled.folder / "x.tar"))
    options = ("--store", str(full_disk), "--root", str(rolled.root_file))
    refused = rolled.run("bundle", "import", str(rolled.folder / "x.tar"), *options)
    assert refused.exit_code == 11
    assert f"the store {full_disk} cannot be used: No space left on device\n" in refused.stderr
    assert "hint: make room there" in refused.stderr


def test_a_workspace_on_a_full_disk(rolled, full_disk, tmp_path):
    """Whoever adds a release is told to make room, nothing half-written is left, and then it goes on."""
    resize(full_disk, "400k")
    (full_disk / "store").symlink_to(rolled.store)
    mounted = rolled.folder = shutil.copytree(rolled.folder, full_disk / "workspace")
    large = tmp_path / "agent.bin"
    large.write_bytes(os.urandom(1 << 20))
    for source in (large, large_build(tmp_path)):
        refused = rolled.run("release", "add", "1.5.0", str(source), "--platform", "linux-x86_64")
        assert refused.exit_code == 11
        assert "cannot be used: No space left on device\nhint: make room there" in refused.stderr
        assert not [path for path in mounted.rglob("*") if path.name.startswith((".new-", ".pack-"))]
    resize(full_disk, "8m")
    rolled.do("release", "add", "1.5.0", str(large), "--platform", "linux-x86_64")


def resize(disk: Path, size: str) -> None:
    """Give a small disk another size."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True, capture_output=True)


def large_build(folder: Path) -> Path:
    """Return the folder of a build that cannot be packed small."""
    program = folder / "build" / "bin" / "agent"
    program.parent.mkdir(parents=True)
    program.write_bytes(os.urandom(1 << 20))
    program.chmod(0o755)
    return folder / "build"


@pytest.mark.parametrize("text", ["999999999999d", "36501d", "9" * 12, "9" * 5_000, "9" * 5_000 + "d"])
def test_a_span_beyond_every_calendar(rolled, text):
    """It is refused where it is read, for times too."""
    assert rolled.run("gc", "--older-than", text).exit_code == 2
    with pytest.raises(UsageError):
        seconds(text)
    with pytest.raises(UsageError):
        moment(text, NOON)
    assert seconds("36500d") == 36_500 * 86_400
