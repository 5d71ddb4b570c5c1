"""A workspace for stories: its folder, its keys, its store, and the real command line.

Commands run inside the test's process through the program's own entry point, which saves most of their time;
``tests/repo_tools`` runs some as child processes too.
"""

import contextlib
import io
import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from repo_tools.__main__ import main
from repo_tools.desk import Desk
from repo_tools.keys.folder import KeyFolder
from repo_tools.keys.passphrase import Passphrases
from repo_tools.workspace import Workspace as Opened

PRODUCT = "agent"
CHANNEL = "stable"
HERE = f"{platform.system()}-{platform.machine()}".lower()
"""The platform that tests run on."""


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.stdout)


class Workspace:
    """One release manager's place: everything below ``folder``.

    Args:
        folder: Where workspace, keys, store and builds are kept.
        now: What the commands take for the present; the real clock by default.
    """

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self.base = folder
        self.folder = folder / "workspace"
        self.keys = folder / "keys"
        self.store = folder / "store"
        self.now = now
        self.secrets: dict[str, str] = {}
        """More environment variables, such as a passphrase."""

    @property
    def root_file(self) -> Path:
        """What hosts enrol with."""
        return self.folder / "root.json"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the commands."""
        clock = {"TIDEGATE_NOW": self.now.isoformat()} if self.now else {}
        return {"TIDEGATE_KEYS": str(self.keys), "HOME": str(self.base), **clock, **self.secrets}

    def run(self, *arguments: str | Path) -> Result:
        """Run ``tidegate`` in this workspace, whatever comes of it."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["-C", str(self.folder), *map(str, arguments)], self.environ)
        return Result(code, out.getvalue(), err.getvalue())

    def do(self, *arguments: str | Path) -> Any:
        """Run a command that must succeed, and return its JSON document."""
        result = self.run("--json", *arguments)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def desk(self) -> Desk:
        """Return what a command works with, for tests that look closer."""
        now = self.now or datetime.now(UTC)
        return Desk(Opened.open(self.folder), KeyFolder(self.keys), Passphrases(), now)

    def found(self, *options: str) -> "Workspace":
        """Found a repository with one unencrypted key for each purpose, and publish it."""
        usual = ("--product", PRODUCT, "--store", str(self.store), "--solo", "--no-passphrase")
        self.do("init", self.folder, *usual, *options)
        self.do("publish")
        return self

    def build(self, version: str) -> Path:
        """Return a folder as a build leaves it: a program that answers with its version."""
        program = self.base / "builds" / version / "bin" / "agent"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\necho agent {version}\n")
        program.chmod(0o755)
        return program.parent.parent

    def add(self, version: str, source: Path | None = None, *options: str) -> Any:
        """Stage a release; a small program of ``build`` unless ``source`` says otherwise."""
        built = source or self.build(version)
        return self.do("release", "add", version, built, "--platform", HERE, *options)

    def sign_and_publish(self) -> Any:
        """Sign with all keys at hand, and publish."""
        self.do("sign", "--yes")
        return self.do("publish")

    def publish_release(
        self, version: str, source: Path | None = None, *options: str, strategy: str = "immediate"
    ) -> Any:
        """Add a release, start its rollout, sign and publish."""
        self.add(version, source, *options)
        self.do("rollout", "start", CHANNEL, version, "--strategy", strategy)
        return self.sign_and_publish()

    def promote(self) -> Any:
        """Widen the newest rollout to the next wave, or complete it; sign and publish."""
        self.do("rollout", "promote", CHANNEL)
        return self.sign_and_publish()
