"""Two TUF clients that know nothing of this code, each in its own process: tuf-js and python-tuf's."""

import fcntl
import filecmp
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.workspace import HERE

SOURCE = ROOT / "tests" / "real"
KINDS = ("tufjs", "ngclient")
NAMES = ["package.json", "package-lock.json", "reader.js"]


def command(kind: str) -> list[str]:
    """Return the command of a reader; tuf-js is installed from npm by its lock file."""
    if kind == "ngclient":
        return [sys.executable, str(SOURCE / "plain_reader.py")]
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("no node and npm here")
    folder = ROOT / ".cache" / "tufjs"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # npm of two workers at once would delete each other's files
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(folder)
    return ["node", str(folder / "reader.js")]


def _install(folder: Path) -> None:
    if _is_installed(folder):
        return
    for name in NAMES:
        shutil.copy2(SOURCE / "tufjs" / name, folder / name)
    install = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"tuf-js cannot be had: {done.stderr.strip()}")


def run(kind: str, folder: Path, url: str, root: Path, *agent: str) -> subprocess.CompletedProcess[str]:
    """Let a reader look for an agent's release; ``folder`` is what it remembers.

    Args:
        kind: Which reader.
        folder: What it remembers.
        url: Where the repository is.
        root: What it trusts.
        agent: Its id, and the ring that its host is in, if any.
    """
    asked = [str(folder), url, str(root), "agent/stable", agent[0], HERE, *agent[1:]]
    return subprocess.run([*command(kind), *asked], capture_output=True, text=True, check=False)


def read(kind: str, folder: Path, url: str, root: Path, *agent: str) -> dict[str, Any]:
    """Return what a reader finds for an agent, as ``run`` takes it."""
    ran = run(kind, folder, url, root, *agent)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _is_installed(folder: Path) -> bool:
    """Return whether the packages of this very lock file are there; npm keeps its list beside them."""
    hidden = folder / "node_modules" / ".package-lock.json"
    if not hidden.exists() or filecmp.cmpfiles(SOURCE / "tufjs", folder, NAMES, shallow=False)[0] != NAMES:
        return False
    wanted = json.loads((folder / "package-lock.json").read_bytes())["packages"]
    there = json.loads(hidden.read_bytes())["packages"]
    return {name: one["integrity"] for name, one in wanted.items() if name} == {
        name: one.get("integrity") for name, one in there.items()
    }
