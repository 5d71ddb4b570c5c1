"""Everything that is generated and kept in the tree: schemas and reference pages.

``python -m tests.project.reference --write`` writes what has changed; a test compares.
"""

import argparse
import importlib
from pathlib import Path

import click

from tests.conftest import ROOT
from tests.project import pages, schemas

EXAMPLE = "infra/agent.toml"
PROGRAMS = {"tidegate": "repo_tools.cli", "tidegate-agent": "agent.cli"}


def generated() -> dict[Path, str]:
    """Return every generated file and what must stand in it."""
    programs = {name: command(module) for name, module in PROGRAMS.items()}
    return {
        **{
            ROOT / f"metadata/schemas/{name}.json": schemas.text(kind) for name, kind in schemas.KINDS.items()
        },
        ROOT / "docs/reference/formats.md": pages.formats(),
        ROOT / "docs/reference/commands.md": pages.commands(programs),
        ROOT / "docs/reference/settings.md": pages.settings((ROOT / EXAMPLE).read_text(encoding="utf-8")),
        ROOT / "docs/reference/states.md": pages.states(),
    }


def command(module: str) -> click.Command:
    """Return the outermost command of a program."""
    found: click.Command = importlib.import_module(module).cli
    return found


def stale() -> list[Path]:
    """Return the generated files that are not as they would be written now."""
    return [
        path
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main() -> None:
    """Write what is stale, or say what is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write instead of listing")
    write = parser.parse_args().write
    for path in stale():
        print(path.relative_to(ROOT))  # noqa: T201  # a development command
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generated()[path], encoding="utf-8")


if __name__ == "__main__":
    main()
