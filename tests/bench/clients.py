"""A look at a repository by ``check``, python-tuf's example client, tufup's and tuf-js; nothing is new.

All of them are asked about the same repository, which they have seen before: two requests say that nothing
changed. The agent alone works out what is ordered to it and decides; the others look one target up by name.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.lean import LeanHost
from tests.bench.measure import Cost, Row, cost, interleaved
from tests.bench.polling import settled
from tests.conftest import ROOT
from tests.support import readers
from tests.support.web import Web
from tests.support.workspace import Workspace

TARGET = "releases/agent/1.5.0/release.json"
START_LIMIT = 1.1
TUFUP = "tufup==0.10.0"
HERE = Path(__file__).parent
Command = Sequence[str | Path]


def rows(folder: Path, python: str, runs: int) -> list[Row]:
    """Measure every client."""
    with settled(folder, python) as (manager, web, host):
        commands = _commands(folder, host, manager, web)
        asked = {name: _requests(web, command) for name, command in commands.items()}
        taken = interleaved(runs, *(_measure(python, folder, one) for one in commands.values()))
    ours, *others = zip(commands, taken, strict=True)
    return [row for peer in others for row in _compared(ours[1], peer, asked)]


def _commands(folder: Path, host: LeanHost, manager: Workspace, web: Web) -> dict[str, Command]:
    """Return how each client is started, ours first."""
    root = manager.root_file
    plain = folder / "plain"
    plain.mkdir()
    shutil.copy2(root, plain / "root.json")
    agent = Path(host.python).with_name("tidegate-agent")
    modules = Path(readers.command("tufjs")[1]).parent
    return {
        "check": [agent, "--config", host.settings, "check"],
        "python-tuf's example": [host.python, HERE / "plain_client.py", plain, web.url, TARGET],
        "tufup": [tufup(), HERE / "tufup_client.py", folder / "tufup", web.url, root, TARGET],
        "tuf-js": ["node", HERE / "tufjs_client.js", modules, folder / "tufjs", web.url, root, TARGET],
    }


def tufup() -> str:
    """Return the interpreter of an environment with tufup, which pins an older python-tuf."""
    python = ROOT / ".cache" / "bench" / "tufup" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", TUFUP], check=True)
    return str(python)


def _measure(python: str, folder: Path, command: Command) -> Callable[[], Cost]:
    return lambda: cost(python, command, cwd=folder)


def _requests(web: Web, command: Command) -> int:
    """Return how many requests a client makes that has looked before."""
    for _ in range(2):
        web.forget()
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return len(web.requests)


def _compared(ours: Cost, peer: tuple[str, Cost], asked: dict[str, int]) -> list[Row]:
    name, theirs = peer
    what = f"check, to {name}"
    limit = START_LIMIT if name == "python-tuf's example" else None
    return [
        Row(f"{what}: CPU", ours.cpu_s * 1000, "ms", limit, theirs.cpu_s * 1000),
        Row(f"{what}: wall", ours.wall_s * 1000, "ms", None, theirs.wall_s * 1000),
        Row(f"{what}: peak memory", ours.peak_mb, "MB", None, theirs.peak_mb),
        Row(f"{what}: requests", asked["check"], "", None, asked[name]),
    ]
