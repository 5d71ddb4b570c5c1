"""Signs whatever it is told with a workspace's keys: what somebody who holds them could publish.

The release manager's tools refuse most of this, so it speaks TUF directly.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp

from metadata import places
from tests.support.workspace import Workspace

BASE = "rollout/agent/stable"
ISSUED = "x-tidegate-issued"


def signer_of(key: str) -> str:
    """Return the name of the key that a role is signed with in a repository of one person."""
    if key in {"snapshot", "timestamp"}:
        return "online"
    if key in {"root", "targets"}:
        return "root"
    return "releases" if key.endswith(".releases") else "rollouts"


class Forge:
    """The keys of a workspace, and its store."""

    def __init__(self, repo: Workspace) -> None:
        self.repo = repo
        self.store = repo.store

    def signer(self, name: str) -> CryptoSigner:
        """Return the signer of one key."""
        pem = (self.repo.keys / f"{name}.pem").read_bytes()
        return CryptoSigner(load_pem_private_key(pem, None))

    def path(self, role: str) -> Path:
        """Return the newest file of a role."""
        found = (self.store / "metadata").glob(f"*.{role}.json")
        return max(found, key=lambda path: int(path.name.split(".")[0]))

    def version(self, role: str) -> int:
        """Return the newest version of a role."""
        return int(self.path(role).name.split(".")[0])

    def load(self, role: str) -> Metadata[Any]:
        """Return the newest version of a role."""
        found: Metadata[Any] = Metadata.from_bytes(self.path(role).read_bytes())
        return found

    @contextmanager
    def edit(self, role: str, key: str | None = None) -> Iterator[Targets]:
        """Change a role, sign it as the next version, and seal the repository."""
        metadata = self.load(role)
        yield metadata.signed
        metadata.signed.version += 1
        self.sign(metadata, key or signer_of(role))
        (self.store / "metadata" / f"{metadata.signed.version}.{role}.json").write_bytes(metadata.to_bytes())
        self.seal()

    def sign(self, metadata: Metadata[Any], key: str) -> None:
        """Sign with one key alone."""
        metadata.signatures.clear()
        metadata.sign(self.signer(key))

    def seal(
        self,
        *,
        expires_in: timedelta = timedelta(days=1),
        issued_ago: timedelta = timedelta(0),
        digests: bool = True,
        key: str = "online",
    ) -> None:
        """Sign a new snapshot of the newest roles, and a new timestamp."""
        now = (self.repo.now or datetime.now(UTC)).replace(microsecond=0)
        names = [name.removesuffix(".json") for name in self.load("snapshot").signed.meta]
        meta = {f"{name}.json": self._meta(name, digests=digests) for name in names}
        number = self.version("snapshot") + 1
        self._write(
            Metadata(Snapshot(number, expires=now + max(expires_in, timedelta(days=1)), meta=meta)),
            "snapshot",
            key,
        )
        number = self.version("timestamp") + 1
        issued = {ISSUED: f"{now - issued_ago:%Y-%m-%dT%H:%M:%SZ}"}
        pointer = self._meta("snapshot", digests=digests)
        signed = Timestamp(
            number, expires=now + expires_in, snapshot_meta=pointer, unrecognized_fields=issued
        )
        data = self._write(Metadata(signed), "timestamp", key)
        (self.store / "metadata" / "timestamp.json").write_bytes(data)

    def _meta(self, role: str, *, digests: bool) -> MetaFile:
        data = self.path(role).read_bytes()
        version = self.version(role)
        if not digests:
            return MetaFile(version)
        return MetaFile(version, len(data), {"sha256": sha256(data).hexdigest()})

    def _write(self, metadata: Metadata[Any], role: str, key: str) -> bytes:
        self.sign(metadata, key)
        data = metadata.to_bytes()
        (self.store / "metadata" / f"{metadata.signed.version}.{role}.json").write_bytes(data)
        return data

    def put(self, path: str, data: bytes, custom: dict[str, Any] | None = None) -> TargetFile:
        """Store a target file and return its entry."""
        target = TargetFile.from_data(path, data, ["sha256"])
        if custom is not None:
            target.unrecognized_fields["custom"] = custom
        folder, _, name = path.rpartition("/")
        place = self.store / "targets" / folder / f"{target.hashes['sha256']}.{name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return target

    def read(self, role: str, path: str) -> Any:
        """Return the JSON document that a role lists under a path."""
        target = self.load(role).signed.targets[path]
        folder, _, name = path.rpartition("/")
        return json.loads(
            (self.store / "targets" / folder / f"{target.hashes['sha256']}.{name}").read_bytes()
        )

    def document(self, role: str, path: str, changes: dict[str, Any]) -> None:
        """Change fields of a document that a role lists."""
        data = json.dumps({**self.read(role, path), **changes}).encode()
        with self.edit(role) as signed:
            custom = signed.targets[path].custom if path in signed.targets else None
            signed.targets[path] = self.put(path, data, custom)

    def policy(self, **changes: Any) -> None:
        """Change the channel's policy."""
        self.document("agent.stable", f"{BASE}/policy", changes)

    def order(self, wave: str, changes: dict[str, Any]) -> None:
        """Change every order of a wave; what is None is left out."""
        with self.edit(f"agent.stable.{wave}") as signed:
            for target in signed.targets.values():
                said = {**target.custom["tidegate"], **changes}
                target.custom["tidegate"] = {name: value for name, value in said.items() if value is not None}

    def point(self, version: str, wave: str = "canary", **changes: Any) -> None:
        """Order a release that is live, whatever the tools think of it; what is None is left out."""
        with self.edit(f"agent.stable.{wave}") as signed:
            for route, before in list(signed.targets.items()):
                said = {**before.custom["tidegate"], "version": version, **changes}
                signed.targets[route] = self.routed(route, version, said)

    def select(self, agent: str, version: str, **changes: Any) -> None:
        """Order a live release to one host by name."""
        wave = self.load("agent.stable.canary").signed
        order = next(iter(wave.targets.values())).custom["tidegate"]
        said = {**order, "wave": "selected", "version": version, "rollout": "batch-1", **changes}
        route = f"{BASE}/{places.pick_route(agent)}"
        with self.edit("agent.stable.selected") as signed:
            signed.targets[route] = self.routed(route, version, said)

    def routed(self, route: str, version: str, order: dict[str, Any]) -> TargetFile:
        """Return a route's entry: the release document's digest, and the order."""
        path = f"releases/agent/{version}/release.json"
        listed = self.load("agent.releases").signed.targets[path]
        custom = {"tidegate": {name: value for name, value in order.items() if value is not None}}
        return TargetFile(listed.length, dict(listed.hashes), route, {"custom": custom})
