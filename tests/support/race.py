"""Publishers that race for one store, and a client that polls all the time.

``python -m tests.support.race [--publishers 8] [--rounds 200]`` runs it on a folder and on SeaweedFS.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from metadata.errors import ConflictError
from repo_tools.desk import Desk
from repo_tools.publishing import publish
from repo_tools.publishing.rebase import rebase
from repo_tools.signed.client import read_back
from repo_tools.signed.live import Live
from repo_tools.signing import at_hand, sign_staged
from repo_tools.store import TIMESTAMP
from tests.support import seaweed
from tests.support.workspace import Workspace

ROLE = "agent.releases"
GIVE_UP = 500
"""Conflicts in a row after which a publisher is stuck rather than slow."""


@dataclass
class Race:
    """One race; every publisher has a copy of the workspace."""

    work: Workspace
    folder: Path
    publishers: int
    rounds: int
    conflicts: int = 0
    polls: int = 0
    wrong: list[str] = field(default_factory=list)
    """What a client found that was not consistent."""

    def run(self) -> None:
        """Let everybody publish everything, and check that nothing was lost."""
        over = threading.Event()
        with ThreadPoolExecutor(self.publishers + 1) as pool:
            client = pool.submit(self._poll, over)
            try:
                for future in [pool.submit(self._publisher, number) for number in range(self.publishers)]:
                    future.result()
            finally:
                over.set()
            client.result()
        listed = Live(self.work.desk().store, self.work.root_file.read_bytes()).targets(ROLE)
        assert listed is not None
        lost = self._expected() - listed.signed.targets.keys()
        assert not lost, f"lost updates: {sorted(lost)}"
        assert not self.wrong, self.wrong

    def _expected(self) -> set[str]:
        return {path(number, turn) for number in range(self.publishers) for turn in range(self.rounds)}

    def _publisher(self, number: int) -> None:
        mine = Workspace(self.folder / f"publisher-{number}", self.work.now)
        shutil.copytree(self.work.folder, mine.folder)
        mine.keys = self.work.keys
        for turn in range(self.rounds):
            desk = mine.desk()
            with desk.tree.edit(ROLE) as draft:
                draft.put(desk.contents.stage(path(number, turn), f"{number} {turn}".encode()))
            for _ in range(GIVE_UP):
                if published(mine.desk()):
                    break
                self.conflicts += 1
            else:
                raise AssertionError(f"publisher {number} never got through")

    def _poll(self, over: threading.Event) -> None:
        root = self.work.root_file.read_bytes()
        last = 0
        while not over.is_set():
            desk = self.work.desk()
            stamp = desk.store.read(TIMESTAMP)
            assert stamp is not None
            try:
                live = Live(desk.store, root)
                paths = [f"releases/agent/9.{number}/0" for number in range(self.publishers)]
                found = read_back(desk.store, root, paths, desk.now)
                for entry in filter(None, found.values()):
                    data = desk.store.read(f"targets/{entry.stored_as}")
                    assert data is not None
                    assert sha256(data).hexdigest() == entry.sha256
                assert live.timestamp is not None
                if live.timestamp.version < last:
                    self.wrong.append(f"timestamp {last} went back to {live.timestamp.version}")
                last = live.timestamp.version
            except Exception as error:  # noqa: BLE001  # whatever a client meets here is a finding
                self.wrong.append(repr(error))
            self.polls += 1


def path(number: int, turn: int) -> str:
    """Return what a publisher adds in a round."""
    return f"releases/agent/9.{number}/{turn}"


def published(desk: Desk) -> bool:
    """Sign and publish what is staged; after a conflict, prepare it again and answer no."""
    try:
        publish.refuse_overtaken(desk)
        sign_staged(desk, at_hand(desk))
        publication = publish.prepare(desk)
        publish.publish(desk, publication, publish.sealed(desk, publication))
    except ConflictError:
        rebase(Desk(desk.workspace, desk.keys, desk.passphrases, desk.now))
        return False
    return True


def _race(folder: Path, store: str, asked: argparse.Namespace) -> None:
    work = Workspace(folder / "founded").found("--store", store, "--wave", "all=100")
    race = Race(work, folder, asked.publishers, asked.rounds)
    race.run()
    total = race.publishers * race.rounds
    text = f"{store}: {total} publications, {race.conflicts} conflicts, {race.polls} polls, nothing lost\n"
    sys.stdout.write(text)


def main() -> None:
    """Race on a folder and on SeaweedFS."""
    parser = argparse.ArgumentParser(prog="make test-race", description=__doc__)
    parser.add_argument("--publishers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=200, help="publications of each publisher")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _race(folder / "one", str(folder / "store"), asked)
        (folder / "seaweed").mkdir()
        with seaweed.running(folder / "seaweed") as server:
            bucket = server.bucket()
            os.environ |= bucket.user("publisher")
            _race(folder / "two", bucket.location, asked)


if __name__ == "__main__":
    main()
