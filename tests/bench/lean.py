"""A virtual environment as hosts have it: what the base requirements name, in the versions of ``.venv``."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from tests.conftest import ROOT
from tests.support.host import Host

FOLDER = ROOT / ".cache" / "bench" / "host"
PARTS = ("agent", "metadata", "repo_tools", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


class LeanHost(Host):
    """A host whose agent runs in an environment of its own."""

    def __init__(self, folder: Path, python: str, *, service: str = "child") -> None:
        super().__init__(folder, service=service)
        self.python = python

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of the agent."""
        return [self.python, "-P", "-m", "agent", "--config", str(self.settings), *arguments]


def python() -> str:
    """Return the interpreter of a host's environment that has this project as it is now."""
    found = FOLDER / "bin" / "python"
    if not found.exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
    wheel = _wheel()
    _install("--constraint", str(_constraints()), str(wheel))
    _install("--no-deps", "--force-reinstall", str(wheel))
    return str(found)


def _install(*what: str) -> None:
    command = [
        str(FOLDER / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*command, *what], check=True, stderr=subprocess.DEVNULL)


def _constraints() -> Path:
    """Write the versions of this environment, so that both are the same."""
    lines = {f"{one.name}=={one.version}" for one in distributions() if not _is_ours(one.name)}
    path = FOLDER.parent / "constraints.txt"
    path.write_text("\n".join(sorted(lines)))
    return path


def _is_ours(name: str) -> bool:
    return re.sub(r"[-_.]+", "-", name).lower() == "tidegate"


def _wheel() -> Path:
    """Build from a copy: a build in the tree would leave its own copies of the code there."""
    source, wheels = FOLDER.parent / "source", FOLDER.parent / "wheels"
    for folder in (source, wheels):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, source / part)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(wheels), str(source)], check=True, stderr=subprocess.DEVNULL)
    return next(wheels.glob("*.whl"))
