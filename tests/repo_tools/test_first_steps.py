"""The first things that people type, and the first things that go wrong for them."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.workspace import HERE, Workspace

SOLO = ("--product", "agent", "--store", "../store", "--solo", "--no-passphrase")


@pytest.mark.parametrize("place", ["workspace", "keys"])
def test_a_file_where_a_folder_should_be_is_named_before_any_key_is_made(tmp_path, place):
    """Neither a workspace nor a key folder can be made there; nothing is left behind."""
    work = Workspace(tmp_path)
    (tmp_path / place).touch()
    result = work.run("init", work.folder, *SOLO)
    assert result.exit_code == 2
    assert f"{tmp_path / place} is no folder" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [place]


def test_keys_of_a_repository_that_was_not_founded_are_gone(tmp_path):
    """Whoever tries again meets no keys of the first attempt."""
    work = Workspace(tmp_path)
    (work.folder / "root.json").mkdir(parents=True)
    assert work.run("init", work.folder, *SOLO).exit_code != 0
    assert list(work.keys.glob("*")) == []
    (work.folder / "root.json").rmdir()
    work.do("init", work.folder, *SOLO)


def test_a_name_that_is_too_long_is_said_to_be(tmp_path):
    """The limit is in the hint."""
    work = Workspace(tmp_path)
    assert "at most 64" in work.run("init", work.folder, *SOLO, "--channel", "x" * 300).stderr
    assert "too long" in work.run("init", tmp_path / ("x" * 300), *SOLO).stderr


def test_what_comes_next_can_be_pasted(tmp_path):
    """Folders with spaces are quoted, and the only channel is named."""
    work = Workspace(tmp_path / "a place")
    said = work.run("init", work.folder, *SOLO).stdout
    assert f"next: tidegate -C '{work.folder}' publish" in said
    added = work.run("release", "add", "1.0.0", work.build("1.0.0"), "--platform", HERE).stdout
    assert f"next: tidegate -C '{work.folder}' rollout start stable 1.0.0" in added
    started = work.run("rollout", "start", "stable", "1.0.0").stdout
    assert f"next: tidegate -C '{work.folder}' sign (" in started


def test_a_program_without_content_is_said(work):
    """A build that went wrong is noticed before it is signed."""
    (work.build("1.5.0") / "bin" / "helper").touch(mode=0o755)
    result = work.run("release", "add", "1.5.0", work.build("1.5.0"), "--platform", HERE)
    assert result.exit_code == 0
    assert "warning: bin/helper is empty" in result.stderr


def test_a_plan_names_everybody_who_must_sign(rolled):
    """The release that is staged needs its signatures, too; the only channel need not be named to look."""
    rolled.add("1.5.0")
    said = rolled.run("rollout", "plan", "stable", "1.5.0").stdout
    assert "agent.releases" in said
    assert "nothing more was staged" in said
    assert rolled.run("rollout", "status").stdout == rolled.run("rollout", "status", "stable").stdout


def test_what_was_published_can_be_found(rolled):
    """The place is an absolute path, whatever the settings say."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    assert f"published to {rolled.store} and" in rolled.run("publish").stdout


def test_an_interrupted_start_is_quiet(tmp_path):
    """Ctrl-C while libraries are loaded ends with 130 and says nothing."""
    interrupt = tmp_path / "click"
    interrupt.mkdir()
    (interrupt / "__init__.py").write_text("raise KeyboardInterrupt\n")  # what SIGINT becomes
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    line = [sys.executable, "-m", "repo_tools", "--version"]
    done = subprocess.run(line, capture_output=True, text=True, env=environ, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "")
