"""Publishers that race for one store, and a client that polls all the time.

``python -m tests.support.race [--publishers 8] [--rounds 200] [folder] [s3]`` runs it on a folder and on
SeaweedFS.

In each round all publishers, processes of their own, publish at once. At least one gets through; whoever is
told that somebody was first (exit 15) prepares again for the next round. After each round, what is live is
exactly what was said to be published: each publisher's last change that ended with exit 0, and no other. In
the end an auditor reads the whole history.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from metadata.errors import ConflictError
from repo_tools.audit.report import audit
from repo_tools.roles import ENROLLMENT_PATH
from repo_tools.signed.live import Live
from repo_tools.signed.reading import view
from repo_tools.signed.views import Entry
from repo_tools.signed.visiting import Visitor
from tests.conftest import ROOT
from tests.support import seaweed
from tests.support.racer import ROLES, path
from tests.support.workspace import Workspace

TOLD_EVERY = 10
"""Rounds between two lines of progress."""


@dataclass
class Race:
    """One race; every publisher has a copy of the workspace."""

    work: Workspace
    publishers: int
    told: Callable[[str], object] = str
    """Told how it goes."""
    rounds: int = 0
    publications: int = 0
    conflicts: int = 0
    polls: int = 0
    wrong: list[str] = field(default_factory=list)
    """What a client found that was not consistent."""
    public: dict[int, int] = field(default_factory=dict)
    """The last change that each publisher was told is published."""

    def run(self, rounds: int) -> None:
        """Let everybody publish so many times, and check each time that nothing was lost."""
        over = threading.Event()
        client = threading.Thread(target=self._poll, args=(over,))
        with self._started() as racers:
            client.start()
            try:
                for _ in range(rounds):
                    self._round(racers)
            finally:
                over.set()
                client.join()
        assert not self.wrong, self.wrong
        desk = self.work.desk()
        found = audit(desk.first, self.work.root_file.read_bytes(), desk.now).findings
        assert not (errors := [one.text for one in found if one.level == "error"]), errors

    def text(self) -> str:
        """Return what has happened."""
        return (
            f"{self.rounds} rounds, {self.publications} publications, {self.conflicts} conflicts, "
            f"{self.polls} polls, {len(self.wrong)} of them wrong"
        )

    @contextmanager
    def _started(self) -> Iterator[list["subprocess.Popen[str]"]]:
        command = [sys.executable, "-m", "tests.support.racer", str(self.work.base)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
        racers = [subprocess.Popen([*command, str(number)], **pipes) for number in range(self.publishers)]  # type: ignore[call-overload]  # mypy cannot choose among the overloads
        try:
            yield racers
        finally:
            for racer in racers:
                racer.stdin.close()
            for racer in racers:
                racer.wait()
                racer.stdout.close()

    def _round(self, racers: list["subprocess.Popen[str]"]) -> None:
        for answer in _all(racers, "prepare"):
            assert answer["code"] == 0, answer["said"]
        answers = _all(racers, "publish")
        for number, answer in enumerate(answers):
            assert answer["code"] in {0, ConflictError.exit_code}, answer["said"]
            if answer["code"] == 0:
                self.public[number] = answer["turn"]
        through = sum(answer["code"] == 0 for answer in answers)
        assert through > 0, "nobody got through"
        self.rounds += 1
        self.publications += through
        self.conflicts += len(racers) - through
        assert self._listed() == {path(*one) for one in self.public.items()}, "lost or invented updates"
        if self.rounds % TOLD_EVERY == 0:
            self.told(self.text())

    def _listed(self) -> set[str]:
        live = Live(self.work.desk().store, self.work.root_file.read_bytes())
        return {entry.path for entry in _entries(live)} - {ENROLLMENT_PATH}

    def _poll(self, over: threading.Event) -> None:
        root = self.work.root_file.read_bytes()
        returning = Visitor(self.work.base / "client", root)
        while not over.is_set():
            try:
                self._look(returning, root)
            except Exception as error:  # noqa: BLE001  # whatever a client meets here is a finding
                self.wrong.append(repr(error))
            self.polls += 1

    def _look(self, returning: Visitor, root: bytes) -> None:
        """Read as a client that was here before; then everything that is listed now."""
        desk = self.work.desk()
        returning.visit(desk.store, desk.now, [path(number, 1) for number in range(self.publishers)])
        for entry in _entries(Live(desk.store, root)):
            data = desk.store.read(f"targets/{entry.stored_as}")
            assert data is not None, f"{entry.path} is listed and not there"
            assert sha256(data).hexdigest() == entry.sha256, f"{entry.path} is not what was signed"


def _all(racers: list["subprocess.Popen[str]"], word: str) -> list[dict[str, Any]]:
    """Tell everybody to do something, and return the answers once the last is done."""
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(f"{word}\n")
        racer.stdin.flush()
    lines = [racer.stdout.readline() for racer in racers if racer.stdout is not None]
    assert all(lines), "a publisher died"
    return [json.loads(line) for line in lines]


def _entries(live: Live) -> Iterator[Entry]:
    for role in ROLES:
        found = live.targets(role)
        assert found is not None, f"{role} is not published"
        yield from view(role, found.signed).entries.values()


def _race(folder: Path, store: str, asked: argparse.Namespace) -> None:
    kind = "s3" if store.startswith("s3:") else "folder"
    begun = time.monotonic()

    def told(text: str) -> None:
        sys.stdout.write(f"{kind}: {text}, after {time.monotonic() - begun:.0f} s\n")
        sys.stdout.flush()

    work = Workspace(folder).found("--store", store, "--wave", "all=100")
    race = Race(work, asked.publishers, told)
    race.run(asked.rounds)
    told(f"{race.text()}; nothing lost")


def main() -> None:
    """Race on a folder and on SeaweedFS."""
    parser = argparse.ArgumentParser(prog="make test-race", description=__doc__)
    parser.add_argument("stores", nargs="*", metavar="STORE", help="folder, s3; both by default")
    parser.add_argument("--publishers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=200)
    asked = parser.parse_args()
    stores = asked.stores or ["folder", "s3"]
    with tempfile.TemporaryDirectory(prefix="tidegate-race-") as name:
        folder = Path(name)
        if "folder" in stores:
            _race(folder / "one" / "founded", str(folder / "store"), asked)
        if "s3" in stores:
            (folder / "seaweed").mkdir()
            with seaweed.running(folder / "seaweed") as server:
                bucket = server.bucket()
                os.environ |= bucket.user("publisher")
                _race(folder / "two" / "founded", bucket.location, asked)


if __name__ == "__main__":
    main()
