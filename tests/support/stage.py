"""A published repository, a client that keeps its cache, and a thief: where stories of keys take place."""

from pathlib import Path

from tests.agent.forge import Forge
from tests.support.clients import Client
from tests.support.web import Web
from tests.support.workspace import Workspace

ROUTE = "rollout/agent/stable/default"
DOCUMENT = "releases/agent/1.4.2/release.json"


class Stage:
    """A repository with a release, a web server, and a client that has seen it."""

    def __init__(self, work: Workspace, web: Web, folder: Path) -> None:
        self.work = work
        self.web = web
        self.folder = folder
        self.forge = Forge(work)
        self.root = folder / "first-root.json"
        self.root.write_bytes(work.root_file.read_bytes())
        self.old = self.client("old")
        self.old.poll(ROUTE)

    def client(self, name: str) -> Client:
        """Return a client that knows nothing but the first root."""
        return Client(self.folder / name, self.web.url, self.root)

    def key(self, name: str) -> None:
        """Make a key."""
        self.work.do("key", "new", name, "--no-passphrase")

    def publish(self) -> None:
        """Sign and publish, in as many publications as it takes; there is no cache here to wait for."""
        self.work.do("sign", "--yes")
        while self.work.do("publish", "--at-once")["published"] == {}:
            assert self.old.trusts(ROUTE)
        self.work.do("refresh", "--at-once")

    def everybody_is_well(self) -> None:
        """Clients that saw everything, and clients that saw nothing, agree."""
        assert self.old.poll(ROUTE) == self.client(f"new-{len(list(self.folder.iterdir()))}").poll(ROUTE)

    def roles(self) -> list[Path]:
        """Return the files of all signed roles."""
        return sorted((self.work.store / "metadata").glob("[0-9]*.json"))

    def trusts(self, role: str) -> bool:
        """Return whether the client that has seen everything finds what a role answers for."""
        if role.count(".") < 2:
            return self.old.trusts({"agent.releases": DOCUMENT, "fleet": "fleet/enrollment"}.get(role, ROUTE))
        delegated = self.forge.load("agent.stable").signed.delegations.roles[role]
        return self.old.trusts(delegated.paths[0].replace("?", "0"))

    def steal(self, key: str, role: str, jump: int = 0) -> int:
        """Let a thief sign a role far ahead with a stolen key, through a publisher who does not look.

        A snapshot is followed by the one that the seal makes, which goes on from there.
        """
        found = self.forge.load(role)
        found.signed.version += jump + 1
        self.forge.sign(found, key)
        path = self.work.store / "metadata" / f"{found.signed.version}.{role}.json"
        path.write_bytes(found.to_bytes())
        self.forge.seal()
        return int(found.signed.version)

    def run_away(self, version: int) -> None:
        """Let a thief publish a timestamp with an enormous number."""
        metadata = self.work.store / "metadata"
        found = self.forge.load("timestamp")
        found.signed.version = version
        self.forge.sign(found, "online")
        for name in (f"{version}.timestamp.json", "timestamp.json"):
            (metadata / name).write_bytes(found.to_bytes())
