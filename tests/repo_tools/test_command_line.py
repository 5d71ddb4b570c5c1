"""The command line as a whole: completion in three shells, one JSON document wherever something is shown."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from repo_tools.cli import cli
from tests.support.workspace import Workspace

TOLD = (
    ("status",),
    ("check",),
    ("log",),
    ("release", "list"),
    ("release", "show", "1.4.2"),
    ("rollout", "status"),
    ("rollout", "plan", "stable", "1.4.3"),
    ("brake", "stable", "--dry-run"),
    ("key", "list"),
    ("fleet", "keys"),
    ("agents", "explain", "host-1"),
    ("publish", "--dry-run"),
    ("gc",),
    ("completion", "bash"),
)


def commands(found: click.Command = cli, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with its name."""
    if not isinstance(found, click.Group):
        yield names, found
        return
    context = click.Context(found)
    for name in found.list_commands(context):
        below = found.get_command(context, name)
        assert below is not None
        yield from commands(below, *names, name)


def test_every_command_answers_machines():
    """``--json`` is there wherever something is shown."""
    without = [names for names, found in commands() if "as_json" not in {one.name for one in found.params}]
    assert without == []


@pytest.mark.parametrize("group", ["", "rollout", "release", "key", "fleet"])
def test_help_cuts_no_sentence_off(tmp_path, group):
    """Whoever looks for a command reads what it does, to the end."""
    shown = Workspace(tmp_path).run(*filter(None, [group]), "--help")
    assert shown.exit_code == 0
    assert "..." not in shown.stdout.partition("Commands:")[2]


@pytest.mark.parametrize("line", TOLD, ids=" ".join)
def test_an_answer_for_machines_is_one_document(rolled, line):
    """Notes and warnings never mix with it, also where something is staged."""
    rolled.add("1.4.3")
    if line[0] == "publish":
        rolled.do("sign", "--yes")
    result = rolled.run(*line, "--json")
    assert result.exit_code == 0, result.stderr
    assert isinstance(json.loads(result.stdout), dict | list)


@pytest.mark.parametrize(
    "line", [["dance"], ["status", "--dance"], ["rollout", "start", "nope", "1"], ["log"]], ids=" ".join
)
def test_an_error_for_machines_is_one_document(tmp_path, line):
    """Who asks for JSON reads what went wrong where the answer would have been."""
    result = Workspace(tmp_path).run("--json", *line)
    found = result.json["error"]
    assert found["exit_code"] == result.exit_code > 0
    assert found["message"] in " ".join(result.stderr.split())
    assert Workspace(tmp_path).run(*line).stdout == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("program", ["tidegate", "tidegate-agent"])
def test_each_shell_has_its_script(tmp_path, shell, program):
    """Each shell has a script of its own for each program."""
    result = Workspace(tmp_path).run("completion", shell, "--program", program)
    assert f"_{program.replace('-', '_').upper()}_COMPLETE" in result.stdout
    assert {"bash": "COMPREPLY", "zsh": "#compdef", "fish": "commandline"}[shell] in result.stdout


@pytest.mark.parametrize(
    ("program", "typed", "offered"), [("tidegate", "rollo", "rollout"), ("tidegate-agent", "ver", "verify")]
)
def test_bash_completes_a_command(tmp_path, program, typed, offered):
    """A reader types the beginning, and bash knows the rest."""
    function = f"_{program.replace('-', '_')}_completion"
    script = Workspace(tmp_path).run("completion", "bash", "--program", program).stdout
    asked = f'COMP_WORDS=({program} {typed}) COMP_CWORD=1; {function} {program}; echo "${{COMPREPLY[@]}}"'
    programs = Path(sys.executable).parent
    environ = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    line = ["bash", "-c", f"{script}\n{asked}"]
    done = subprocess.run(line, capture_output=True, text=True, env=environ, check=True)
    assert offered in done.stdout.split()
