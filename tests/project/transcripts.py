r"""Commands in the documentation: fenced ``console`` blocks, run as a reader would type them.

A block has commands after ``$ `` (continued after a backslash, or on lines that begin with ``> ``) and, where
it matters, the output that follows; ``…`` in it stands for anything. The blocks of one page run in order, in
one new folder; ``cd`` and ``export`` carry over. Who is asked before something is signed agrees. ``make``
targets are run dry, and what they show is not compared, since tests run inside of ``make test``. A comment
before a block says why it is not run: ``<!-- not run: reason -->``. A page that says
``<!-- on a host with systemd -->`` is run where one is PID 1. What a command leaves in the background writes
its number to a file ``*.pid``, so that a test can end it.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tests.conftest import ROOT

BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n+)?^```console\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
LONGEST_S = 120
"""Far above any command of the documentation; what takes longer hangs."""
ON_SYSTEMD = "<!-- on a host with systemd -->"
ASKS = re.compile(r"\btidegate (-C \S+ )?(sign|renew)\b(?!.*--yes)")
"""Commands that sign nothing unless somebody agrees."""
QUESTIONS = 20
"""More than the commands of one line ask."""
Enter = Callable[..., list[str]]
"""Turns a command line into one that runs somewhere else."""
REMEMBER = """{ export -p; printf 'cd %q\\n' "$PWD"; }"""


@dataclass(frozen=True)
class Command:
    """One command and what it shows."""

    line: str
    output: str = ""
    not_run: str = ""
    """Why a test does not run it; empty when it does."""

    def matches(self, output: str) -> bool:
        """Return whether some output is the one that is shown; nothing shown, nothing asked."""
        if self.line.startswith("make "):
            return True
        pieces = [re.escape(piece) for piece in self.output.strip().split("…")]
        shown = "".join(f"{line.rstrip()}\n" for line in output.splitlines()).strip()
        return not self.output.strip() or re.fullmatch(".*?".join(pieces), shown, re.DOTALL) is not None


def commands(page: str) -> Iterator[Command]:
    """Yield the commands of a page's console blocks, in order."""
    for block in BLOCK.finditer(page):
        text = block["text"].replace("\\\n", "")
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            first, *rest = part.splitlines()
            more = list(takewhile(lambda line: line.startswith(">"), rest))
            line = "\n".join([first, *(line.removeprefix(">").removeprefix(" ") for line in more)])
            output = "".join(f"{shown}\n" for shown in rest[len(more) :])
            yield Command(line.strip(), output, block["reason"] or "")


def environment(home: Path) -> dict[str, str]:
    """Return a reader's environment: this project's programs first, a home folder of its own."""
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEGATE", "XDG_"))}
    return {**kept, "PATH": path, "HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100"}


def here(*command: str) -> list[str]:
    """Run a command on this machine."""
    return list(command)


def run(command: Command, folder: Path, home: Path, enter: Enter = here) -> subprocess.CompletedProcess[str]:
    """Run one command as a reader would, and return what came of it."""
    program, _, rest = command.line.partition(" ")
    line = f"make -C {ROOT} -n {rest}" if program == "make" else command.line
    state = home / ".state"
    state.touch()
    with answers() if ASKS.search(command.line) else nobody() as stdin:
        return subprocess.run(
            enter(
                "bash", "-euo", "pipefail", "-c", f"cd {folder}\nsource {state}\n{line}\n{REMEMBER} > {state}"
            ),
            env=environment(home),
            capture_output=True,
            text=True,
            stdin=stdin,
            timeout=LONGEST_S,
            check=False,
        )


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """Give a command nobody to ask."""
    yield subprocess.DEVNULL


@contextlib.contextmanager
def answers() -> Iterator[int]:
    """Give a command the terminal of a reader who agrees to what is asked there."""
    reader, terminal = os.openpty()
    try:
        os.write(reader, b"y\n" * QUESTIONS)
        yield terminal
    finally:
        os.close(terminal)
        os.close(reader)


def end_background(folder: Path) -> None:
    """End what the commands of a page left in the background."""
    for file in folder.rglob("*.pid"):
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(file.read_text()), signal.SIGTERM)


def pages() -> list[Path]:
    """Return the pages that readers type from."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if page.exists()]
