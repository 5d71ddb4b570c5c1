"""Publish what should never be published, and see what becomes of real clients.

What is refused is staged with the right keys and published through the inner functions, past all checks; then
python-tuf's own client, and the decision that every agent makes, show what the check is for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from tuf.api.exceptions import DownloadError
from tuf.ngclient import Updater

from metadata import places
from metadata.errors import TidegateError
from repo_tools.publishing import publish, tidying
from repo_tools.rollouts.state import State, read_state
from repo_tools.signed.client import StoreFetcher
from repo_tools.signed.visiting import Visitor
from repo_tools.store import FolderStore
from tests.support.workspace import HERE, Workspace

CANARY, EARLY, FULL = "agent.stable.canary", "agent.stable.early", "agent.stable.full"
CHANNEL, RELEASES, SELECTED = "agent.stable", "agent.releases", "agent.stable.selected"
BASE = "rollout/agent/stable"
Story = TypeVar("Story", bound=Callable[..., None])


def disaster(*_rules: str) -> Callable[[Story], Story]:
    """Say which checks a story is for; the project's tests demand one for each check."""

    def keep(story: Story) -> Story:
        return story

    return keep


class Danger:
    """A repository in which something is about to go wrong."""

    def __init__(self, work: Workspace, folder: Path) -> None:
        self.work = work
        self.folder = folder
        self.root = (work.store / "metadata" / "1.root.json").read_bytes()

    @property
    def now(self) -> datetime:
        """The story's clock."""
        assert self.work.now is not None
        return self.work.now

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.work.now = self.now + timedelta(**span)

    def lose(self, pattern: str) -> Path:
        """Let the store lose a file, which comes to lie elsewhere, and return its old place."""
        (path,) = self.work.store.glob(pattern)
        path.rename(self.folder.parent / f"lost-{path.name}")
        return path

    @contextmanager
    def change(self, role: str) -> Iterator[Any]:
        """Stage whatever a story does to a role."""
        with self.work.desk().tree.changing(role) as signed:
            yield signed

    def start(self, version: str) -> None:
        """Stage a release for the canaries."""
        self.work.add(version)
        self.work.do("rollout", "start", "stable", version)

    def reword(self, **fields: Any) -> None:
        """Change fields of every staged order of the canaries."""
        with self.change(CANARY) as signed:
            for target in signed.targets.values():
                target.custom["tidegate"].update(fields)

    def restage(self, role: str, **fields: Any) -> None:
        """Change fields of a staged role that only the tools may set."""
        tree = self.work.desk().tree
        metadata = tree.metadata(role)
        for name, value in fields.items():
            setattr(metadata.signed, name, value)
        metadata.signatures.clear()
        tree.save(role, metadata)

    def refusal(self) -> str:
        """Sign what is staged, and return what is said when publishing it is refused."""
        self.work.do("sign", "--yes")
        before = (self.work.store / "metadata" / "timestamp.json").read_bytes()
        result = self.work.run("publish")
        assert result.exit_code == 17, result.stderr or result.stdout
        assert (self.work.store / "metadata" / "timestamp.json").read_bytes() == before
        return result.stderr

    def publish_anyway(self) -> None:
        """Publish what is staged with every check off."""
        self.work.do("sign", "--yes")
        desk = self.work.desk()
        publication = publish.prepare(desk)
        publish.upload(desk, publication, publish.sealed(desk, publication))
        tidying.clear(desk, publication.roles)

    def client(self, name: str) -> Visitor:
        """Return python-tuf's own client; it remembers what it read under this name."""
        return Visitor(self.folder / name, self.root)

    def reads(self, client: Visitor, *paths: str, store: Path | None = None) -> dict[str, str | None]:
        """Let a client read, and return the digests that it finds."""
        place = store or self.work.store
        return client.visit(FolderStore(str(place), place), self.now, paths)

    def breaks(self, client: Visitor, *paths: str, store: Path | None = None) -> str:
        """Return why a client refuses what it reads; empty when it does not."""
        try:
            self.reads(client, *paths, store=store)
        except TidegateError as error:
            return error.message
        return ""

    def downloads(self, path: str) -> str:
        """Let a new client of python-tuf download a target, and return why it cannot; empty when it does."""
        folder = self.folder / "downloads"
        folder.mkdir(parents=True)
        client = Updater(
            metadata_dir=str(folder),
            metadata_base_url="store:/metadata/",
            target_dir=str(folder),
            target_base_url="store:/targets/",
            fetcher=StoreFetcher(FolderStore(str(self.work.store), self.work.store)),
            bootstrap=self.root,
        )
        client._trusted_set.reference_time = self.now
        found = client.get_targetinfo(path)
        assert found is not None
        try:
            client.download_target(found)
        except DownloadError as error:
            return str(error)
        return ""

    def route(self, role: str) -> str:
        """Return one route of a wave."""
        return next(iter(self.work.desk().tree.view(CHANNEL).delegations[role].paths))

    def host(self, wave: str) -> str:
        """Return the id of a host whose place is in a wave, by the founding percentages."""
        low, high = {"canary": (0, 205), "early": (205, 1024), "full": (1024, 4096)}[wave]
        return self._host(lambda place: low <= int(place[:3], 16) < high)

    def host_on(self, route: str) -> str:
        """Return the id of a host whose place begins with a route's prefix."""
        return self._host(lambda place: place.startswith(route))

    def _host(self, wanted: Callable[[str], bool]) -> str:
        salt = self.state().policy.salt
        ids = (f"host-{number}" for number in range(100_000))
        return next(one for one in ids if wanted(places.place(salt, one)))

    def state(self) -> State:
        """Return the channel as it is, staged over live."""
        desk = self.work.desk()
        return read_state(desk, desk.only_channel())

    def decision(self, host: str, running: str | None = None) -> Any:
        """Return what a host decides by what is public."""
        known = ("--running", running) if running else ()
        return self.work.do("agents", "explain", host, "--platform", HERE, *known)
