"""The command line: help, errors, exit codes, one JSON document."""

import json
import os
import subprocess
import sys

import click
import pytest

from repo_tools.cli import MODULES, cli
from repo_tools.moments import moment, seconds
from tests.repo_tools.conftest import NOON
from tests.support.workspace import Workspace


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], click.Command]]:
    """Return every command that is no group, with its name."""
    if not isinstance(command, click.Group):
        return [(path, command)]
    found, context = [], click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found += commands(inner, (*path, name))
    return found


def test_every_command_explains_itself():
    """Help has a sentence, an example that starts with the command, and `--json`."""
    for name, command in commands(cli):
        if name == ("demo",):
            continue
        text = command.help or ""
        assert f"tidegate {' '.join(name)}" in text, name
        assert any("--json" in option.opts for option in command.params), name
        assert text.split("\n")[0].strip()


@pytest.mark.parametrize("name", MODULES)
def test_help_works_everywhere(tmp_path, name):
    """Help needs no workspace."""
    result = Workspace(tmp_path).run(name, "--help")
    assert (result.exit_code, result.stdout[:6]) == (0, "Usage:")


def test_json_may_stand_before_and_after_the_command(rolled):
    """Both print the same single document."""
    before = rolled.run("--json", "release", "list")
    after = rolled.run("release", "list", "--json")
    assert before.stdout == after.stdout
    assert json.loads(after.stdout)[0]["version"] == "1.4.2"


def test_people_get_tables_and_machines_documents(rolled):
    """The same facts, without escape codes where nobody looks."""
    table = rolled.run("rollout", "status", "stable").stdout
    assert "1.4.2" in table
    assert "\x1b" not in table
    assert all("  …" not in line for line in table.splitlines())
    assert all(line == line.rstrip() and line for line in table.splitlines())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["nonsense"], 2),
        (["release", "add"], 2),
        (["rollout", "start", "stable", "1.4.2", "--strategy", "hope"], 2),
        (["rollout", "start", "stable", "1.4.2", "--not-before", "tomorrow"], 2),
        (["rollout", "start", "stable", "1.4.2", "--not-before", "99999999999d"], 2),
        (["rollout", "start", "stable", "1.4.2", "--spread-s", "99999999999999999999"], 2),
        (["release", "show", "9.9.9"], 13),
        (["release", "add", "1.5.0", "/nowhere", "--platform", "linux-x86_64"], 2),
        (["release", "add", "1.5.0", "/etc", "--platform", "Linux"], 2),
        (["brake", "stable", "--version", "not a version"], 2),
        (["brake", "stable", "--version", "9.9.9"], 2),
        (["brake", "stable", "--rollout", "stable-9999"], 2),
        (["rollout", "start", "stable", "1.4.2", "--retry", "1", "--spread-s", "8d"], 2),
        (["rollout", "start", "stable", "1.4.2", "--retry", "1", "--spread-s", "2h", "--not-after", "1h"], 2),
        (["rollout", "recall", "stable", "1.4.2", "--from", "new ones"], 2),
        (["rollout", "pause", "stable", "--reason", "all is well\x1b[2J"], 2),
        (["rollout", "start", "stable", "1.4.2", "--by", "alice\nmallory"], 2),
        (["release", "add", "one", "/etc", "--platform", "linux-x86_64"], 2),
        (["release", "add", "1.5.0", "/etc", "--platform", "linux-x86_64", "--requires", "new"], 2),
        (["brake", "stable", "--version", "1.5.0", "--release"], 2),
        (["rollout", "pause", "stable", "--wave", "everybody"], 2),
        (["agents", "explain", "host-1", "--running", "one"], 2),
        (["agents", "explain", "host 1"], 2),
        (["brake", "stable", "--rollout", ""], 2),
        (["brake", "stable", "--version", ""], 2),
        (["rollout", "start", "stable", "1.4.2", "--retry", "999999999999999999999999"], 2),
        (["fleet", "revoke", "--agent", ""], 2),
        (["fleet", "revoke", "--token", "nosuch"], 2),
    ],
)
def test_mistakes_end_with_their_exit_code_and_a_word(rolled, line, code):
    """No mistake of a person is a bug of the program, and none changes anything."""
    before = rolled.do("status")["staged"]
    result = rolled.run(*line)
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()
    assert rolled.do("status")["staged"] == before


def test_a_start_in_a_thousand_years_is_doubted(rolled):
    """A mistyped year is said; a start that is some days ahead is not."""
    start = ("rollout", "start", "stable", "1.4.2", "--retry", "1", "--dry-run", "--not-before")
    assert "no host starts before 2999-01-01" in rolled.run(*start, "2999-01-01T00:00:00Z").stderr
    assert "no host starts before" not in rolled.run(*start, "2d").stderr


def test_without_a_workspace_the_hint_says_how_to_get_one(tmp_path):
    """The first thing that goes wrong for everybody."""
    result = Workspace(tmp_path).run("status")
    assert result.exit_code == 2
    assert "tidegate init" in result.stderr


def test_a_reader_that_leaves_early_is_no_error(rolled):
    """Output cut off by `head` ends quietly."""
    line = [sys.executable, "-m", "repo_tools", "-C", str(rolled.folder), "check", "--json"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        line, stdout=writer, stderr=subprocess.PIPE, env=rolled.environ, text=True, check=False
    )
    os.close(writer)
    assert "Traceback" not in done.stderr


def test_cloud_libraries_are_not_loaded():
    """A command that needs no cloud does not wait for its library."""
    code = (
        "import sys, repo_tools.cli.publishing, repo_tools.cli.rollout\n"
        "assert 'boto3' not in sys.modules and 'rich' not in sys.modules\n"
        "import boto3\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_status_says_what_comes_next(rolled):
    """Staged changes in words, who signs, what expires, and the next command."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0", "--spread-s", "1h")
    said = rolled.run("status").stdout
    assert "agent.stable.canary: 1.4.2 → 1.5.0 for up to 5 %, from 2026-11-22 12:00Z, spread over 1 h" in said
    assert "1 more of rollouts" in said
    rolled.do("sign", "--yes")
    assert f"next: tidegate -C {rolled.folder} publish" in rolled.run("status").stdout


def test_explain_names_what_it_assumes(rolled):
    """The decision is the agent's own; what only the host knows is said to be a guess."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate", "--spread-s", "1h")
    said = rolled.do("agents", "explain", "host-1", "--running", "1.4.2")
    assert said["decision"]["rule"] == "current"
    rolled.sign_and_publish()
    said = rolled.do("agents", "explain", "host-1", "--running", "1.4.2")
    assert (said["decision"]["action"], said["decision"]["rule"]) == ("wait", "not_yet")
    assert "it runs 1.4.2" in said["said"]
    then = said["decision"]["until"]
    due = rolled.do("agents", "explain", "host-1", "--running", "1.4.2", "--at", then)
    assert due["decision"]["rule"] == "update"
    later = rolled.do("agents", "explain", "host-1", "--running", "1.4.2", "--at", "1h")
    assert later["decision"]["rule"] == "update"


def test_times_and_spans_are_read_as_people_write_them():
    """UTC times, offsets, and spans from a start."""
    assert moment("now", NOON) == NOON
    assert moment("+90m", NOON).hour == 13
    assert moment("2026-11-22T14:00:00+02:00", NOON) == NOON
    assert [seconds(text) for text in ("90", "2m", "1h", "7d")] == [90, 120, 3600, 604_800]
