"""What is in the tree: the files that are kept, and the functions in them."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

CODE = ("agent", "metadata", "repo_tools", "infra", "tests")
PRODUCT = ("agent", "metadata", "repo_tools")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def kept() -> tuple[Path, ...]:
    """Return the files that git keeps or would keep; without git, everything that is no build product."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        found = [path for path in ROOT.rglob("*") if path.is_file() and not _built(path)]
    else:
        found = [ROOT / name for name in listed.split("\0") if name]
    return tuple(path for path in sorted(found) if path.is_file())


def _built(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part in {".venv", "__pycache__", "build", "dist"} or part.endswith("cache") for part in parts)


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: Path
    lines: int
    tree: ast.Module

    @property
    def name(self) -> str:
        """The file's name in the tree."""
        return str(self.path.relative_to(ROOT))

    def functions(self) -> Iterator[Function]:
        """Yield every function in the file, also inner ones and methods."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@cache
def modules(folders: tuple[str, ...] = CODE) -> tuple[Module, ...]:
    """Return the Python files of some top-level folders."""
    paths = [path for path in kept() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]
    return tuple(_module(path) for path in paths)


def _module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path, len(text.splitlines()), ast.parse(text))


def body_lines(function: Function) -> int:
    """Return how many lines a function's body has, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def argument_count(function: Function) -> int:
    """Return how many arguments a caller may give."""
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


def is_command(function: Function) -> bool:
    """Return whether a function is a click command, which has one argument for each option."""
    called = [one.func if isinstance(one, ast.Call) else one for one in function.decorator_list]
    return any(isinstance(one, ast.Attribute) and one.attr in {"command", "group"} for one in called)
