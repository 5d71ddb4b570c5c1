"""Every check has a disaster that it prevents, a sentence that it prints, and a line in the documentation.

A story is marked with the checks that it is for. It goes past them: it publishes with every check off, signs
with the forge, or lets time pass; and it asserts the sentence that stands in the documentation.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from repo_tools.checks import table
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "explanation" / "checks.md"
STORIES = sorted((ROOT / "tests" / "repo_tools").glob("test_disasters_*.py"))
FINDERS = sorted([*(ROOT / "repo_tools" / "checks").glob("*.py"), ROOT / "repo_tools/recovery/halves.py"])
PAST_CHECKS = {"publish_anyway", "Forge", "wait", "lose"}
ROW = re.compile(r"^\| `(\w+)` \| `([^|]+)` \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Story:
    """One test."""

    name: str
    rules: frozenset[str]
    says: tuple[str, ...]
    """The plain parts of the texts in it."""
    calls: frozenset[str]


def stories() -> Iterator[Story]:
    """Yield every test of a disaster."""
    for path in STORIES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield story(node)


def story(node: ast.FunctionDef) -> Story:
    """Return what a test is for, asserts and calls."""
    marks = [one for one in node.decorator_list if isinstance(one, ast.Call) and name_of(one) == "disaster"]
    asserted = [inner for one in ast.walk(node) if isinstance(one, ast.Assert) for inner in ast.walk(one)]
    calls = {name_of(one) for one in ast.walk(node) if isinstance(one, ast.Call)}
    rules = {text for mark in marks for text in texts(mark.args)}
    return Story(node.name, frozenset(rules), tuple(texts(asserted)), frozenset(calls))


def name_of(call: ast.Call) -> str:
    """Return the last part of what is called."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def texts(nodes: list[ast.expr] | list[ast.AST]) -> Iterator[str]:
    """Yield the texts among some nodes."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def codes() -> set[str]:
    """Return the name of every check that can find something."""
    calls = [
        one for path in FINDERS for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call)
    ]
    return {text for call in calls if name_of(call) == "Finding" for text in texts(call.args[1:2])}


def test_every_rule_is_named_by_what_it_finds():
    """The table of rules and the names in findings are the same; real clients come after them."""
    assert codes() == {rule.__name__ for rule in table.RULES} | {"clients"}


def test_every_check_has_a_disaster_that_it_prevents():
    """What is refused is done all the same in a story, and somebody is hurt."""
    shown = {rule for one in stories() if one.calls & PAST_CHECKS for rule in one.rules}
    assert codes() - shown == set()
    assert shown - codes() == set()


def test_every_check_has_a_line_in_the_documentation():
    """The page has each check once, and no other."""
    names = [name for name, _says, _without in ROW.findall(PAGE.read_text())]
    assert sorted(names) == sorted(codes())


def test_every_sentence_in_the_documentation_is_one_that_is_printed():
    """A story for the check asserts it, word for word."""
    found = list(stories())
    for name, says, _without in ROW.findall(PAGE.read_text()):
        assert any(name in one.rules and any(says in text for text in one.says) for one in found), (
            name,
            says,
        )
