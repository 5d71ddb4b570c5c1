"""What git tracks is whole: a command that works here works for whoever clones the project."""

import ast
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("metadata", "repo_tools", "agent")
LOAD = """
import click, pathlib

def load(command):
    context = click.Context(command)
    assert command.get_help(context)
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        load(command.get_command(context, name))

load(program)
assert pathlib.Path(package.__file__).is_relative_to(pathlib.Path.cwd())
"""
PROGRAMS = {
    "tidegate": "import repo_tools as package; from repo_tools.cli import cli as program",
    "tidegate-agent": "import agent as package; from agent.cli import cli as program",
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What git tracks, and nothing else that lies in this folder."""
    done = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("clone")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_is_in_what_git_tracks(clone, program):
    """Each one, down to the last below a group, loads and explains itself."""
    line = [sys.executable, "-c", f"{PROGRAMS[program]}\n{LOAD}"]
    done = subprocess.run(line, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_module_that_is_imported_is_tracked(clone):
    """Also where it is imported only when a command needs it."""
    files = [path for package in PACKAGES for path in (clone / package).rglob("*.py")]
    missing = {
        f"{path.relative_to(clone)}: {name}"
        for path in files
        for name in imports(path)
        if not any((clone / (name.replace(".", "/") + end)).is_file() for end in (".py", "/__init__.py"))
    }
    assert missing == set()


def imports(path: Path) -> Iterator[str]:
    """Yield the modules of this project that a file imports, as they are named."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        yield from (name for name in names if name.partition(".")[0] in PACKAGES)
