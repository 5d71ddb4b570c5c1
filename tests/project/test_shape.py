"""The shape of the code: sizes, arguments, import direction, and how tests are written."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.project.tree import PRODUCT, argument_count, body_lines, is_command, modules

LONGEST_MODULE = 300
LONGEST_BODY = 30
MOST_ARGUMENTS = 5

MORE_ARGUMENTS = {
    "agent/children.py:__init__": "a plain record; dataclasses are too large for the resident process",
    "metadata/decide.py:decide": "the design names its seven facts, and callers pass them one by one",
    "metadata/schedule.py:starts_at": "the six numbers that a start depends on; defaults leave three",
}
"""Functions that may take more, each with its reason."""
MOCKS = re.compile(r"\b(mocker|MagicMock|monkeypatch\.(setattr|delattr)|unittest\.mock|import mock)\b")
SLEEPS_IN = "tests/support"
"""Where polling with a bound may live; everywhere else a test waits for something that it names."""


def test_no_module_is_too_long():
    """Good projects all have one file that grew to thousands of lines; only a check stops that."""
    assert [f"{one.name}: {one.lines}" for one in modules() if one.lines > LONGEST_MODULE] == []
    scripts = {one: len(one.read_text().splitlines()) for one in ROOT.glob("repo_tools/pages/static/**/*.js")}
    assert scripts
    assert [one.name for one, lines in scripts.items() if lines > LONGEST_MODULE] == []


def test_no_function_is_too_long():
    """A body of thirty lines is the most that a reader keeps in mind."""
    long = [
        f"{one.name}:{function.lineno} {function.name}: {body_lines(function)}"
        for one in modules()
        for function in one.functions()
        if body_lines(function) > LONGEST_BODY
    ]
    assert long == []


def test_no_function_takes_too_many_arguments():
    """Five arguments at most, but for click commands and the exceptions that say why."""
    many = [
        f"{one.name}:{function.name}"
        for one in modules(PRODUCT)
        for function in one.functions()
        if argument_count(function) > MOST_ARGUMENTS and not is_command(function)
    ]
    assert set(many) == set(MORE_ARGUMENTS)


def all_tests() -> list[tuple[str, ast.FunctionDef]]:
    """Return every test with the name that a report shows."""
    return [
        (f"{one.name}:{node.lineno} {node.name}", node)
        for one in modules(("tests",))
        for node in ast.walk(one.tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and one.path.name.startswith("test_")
    ]


def test_every_test_says_in_a_sentence_what_it_shows():
    """A docstring of one sentence; the name and it are the story."""
    silent = []
    for name, node in all_tests():
        words = " ".join((ast.get_docstring(node) or "").split())
        if not words.endswith((".", "?")) or re.search(r"[.?!] [A-Z]", words):
            silent.append(name)
    assert silent == []


def test_no_test_uses_a_mock():
    """Real parts, or small classes that implement our own interfaces."""
    here = Path(__file__).resolve()
    found = [
        one.name
        for one in modules()
        if one.path != here and MOCKS.search(one.path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_test_sleeps_for_a_fixed_time():
    """Waiting is polling with a bound, and lives in one place."""
    found = [
        f"{one.name}:{node.lineno}"
        for one in modules(("tests",))
        if not one.name.startswith(SLEEPS_IN)
        for node in ast.walk(one.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep", "asyncio.sleep"}
    ]
    assert found == []


def test_imports_go_one_way():
    """The two sides meet only in the contract, which does no I/O; import-linter reads setup.cfg."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_module_opens_with_its_job():
    """The first thing in a product's module is what it is for."""
    silent = [one.name for one in modules(PRODUCT) if one.tree.body and not ast.get_docstring(one.tree)]
    assert silent == []
