"""What is published, verified from the workspace's root on.

Signatures, versions and digests are checked as a client checks them; expiry is not, because whoever mends an
expired repository has to read it first. Each file is read once, when it is first asked for.
"""

from contextlib import suppress
from hashlib import sha256

from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from metadata.errors import TidegateError, UntrustedError
from repo_tools.roles import parent
from repo_tools.signed.canonical import payload
from repo_tools.signed.reading import load
from repo_tools.signed.trouble import translated
from repo_tools.store import TIMESTAMP, Store
from repo_tools.store.memory import read_signed

_WHICH = "tidegate log --role timestamp lists them; tidegate unstage --all gives up a recovery that names it"

_UNFINISHED = "whoever was publishing a recovery of the online key runs tidegate publish again"


class Live:
    """The published metadata of one store.

    Args:
        store: Where it is published.
        anchor: The root that this workspace trusts; a newer one is followed from here.
        honest: The last timestamp that its keys' owners signed, where a thief signed later ones; it counts
            until the recovery is public: from then on the newest root's keys did not sign it.
        mine: The root that is staged here. Where its publisher was killed before the timestamp, it is not
            followed yet: only the same publication, from where it began, completes it.
    """

    def __init__(
        self, store: Store, anchor: bytes, honest: int | None = None, mine: bytes | None = None
    ) -> None:
        self.store = store
        self.root_bytes = anchor
        self.root = load(anchor, Root, "root.json of the workspace")
        self.snapshot_keyids: frozenset[str] = frozenset()
        self.timestamp_keyids: frozenset[str] = frozenset()
        self._complete_root()
        before = self._follow_root()
        self.timestamp_bytes = store.read(TIMESTAMP)
        if before and mine and self._is_unfinished(mine):
            self.root, self.root_bytes = before
        self._targets: dict[str, Metadata[Targets]] = {}
        self._bytes: dict[str, bytes] = {}
        self.timestamp: Timestamp | None = None
        self.snapshot: Snapshot | None = None
        if self.timestamp_bytes is not None:
            self._read_summaries(self._start(self.timestamp_bytes, honest))

    @property
    def meta(self) -> dict[str, MetaFile]:
        """What the snapshot lists, by role; empty before the first publication."""
        listed = self.snapshot.meta if self.snapshot else {}
        return {name.removesuffix(".json"): found for name, found in listed.items()}

    def version(self, role: str) -> int:
        """Return the published version of a role; 0 when it was never published."""
        if role == "root":
            return self.root.signed.version if self.timestamp else 0
        found = self.meta.get(role)
        return found.version if found else 0

    def raw(self, role: str) -> bytes | None:
        """Return a published role as it lies in the store, or None; its digest is checked."""
        found = self.meta.get(role)
        if role == "root":
            return self.root_bytes if self.timestamp else None
        if found is None:
            return None
        if role not in self._bytes:
            self._bytes[role] = self._fetch(f"metadata/{found.version}.{role}.json", found)
        return self._bytes[role]

    def targets(self, role: str, above: Targets | None = None) -> Metadata[Targets] | None:
        """Return a published targets role, verified by its parent, or None when that does not delegate to it.

        Args:
            role: Its name.
            above: What its parent said when it still did.
        """
        if role in self._targets:
            return self._targets[role]
        data = self.raw(role)
        if data is None:
            return None
        parsed = load(data, Targets, f"published {role}")
        delegator = above or self._delegator(role)
        if not _delegates(delegator, role):
            return None
        with translated(f"published {role}"):
            delegator.verify_delegate(role, payload(parsed), parsed.signatures)
        self._targets[role] = parsed
        return parsed

    def _delegator(self, role: str) -> Root | Targets:
        above = parent(role)
        found = self.root if above == "root" else self.targets(above)
        if found is None:
            raise UntrustedError(f"published {role} has no published {above} above it")
        return found.signed

    def issued(self, data: bytes, version: int) -> bool:
        """Return whether the keys of the newest root signed a timestamp of this version."""
        found = self._signed(data)
        return found is not None and found.version == version

    def _signed(self, data: bytes) -> Timestamp | None:
        """Return a timestamp that the keys of the newest root signed, or None."""
        try:
            found = load(data, Timestamp, "a timestamp")
            self.root.signed.verify_delegate("timestamp", payload(found), found.signatures)
        except (TidegateError, RepositoryError):
            return None
        return found.signed

    def _complete_root(self) -> None:
        """Take the published root for one that was not yet signed by everybody when it came here."""
        try:
            self.root.signed.verify_delegate("root", payload(self.root), self.root.signatures)
        except UnsignedMetadataError:
            data = self.store.read(f"metadata/{self.root.signed.version}.root.json")
            if data and (found := load(data, Root, "published root")).signed == self.root.signed:
                self.root, self.root_bytes = found, data

    def _start(self, published: bytes, honest: int | None) -> bytes:
        """Return the timestamp that everything is read from."""
        if honest is None:
            return published
        data = self.store.read(f"metadata/{honest}.timestamp.json")
        if data is None:
            raise UntrustedError(f"there is no timestamp {honest} in {self.store.location}", _WHICH)
        return data if self.issued(data, honest) else published

    def _follow_root(self) -> tuple[Metadata[Root], bytes] | None:
        """Go on to the newest root; return the one before it, or None when there was no newer one."""
        before = None
        while data := self.store.read(f"metadata/{self.root.signed.version + 1}.root.json"):
            newer = load(data, Root, "published root")
            with translated(f"published root version {newer.signed.version}"):
                self.root.signed.verify_delegate("root", payload(newer), newer.signatures)
                newer.signed.verify_delegate("root", payload(newer), newer.signatures)
            before = self.root, self.root_bytes
            self.root, self.root_bytes = newer, data
        return before

    def _is_unfinished(self, mine: bytes) -> bool:
        """Return whether the newest root is the staged one, and its keys signed no timestamp yet."""
        if self.timestamp_bytes is None or self._signed(self.timestamp_bytes):
            return False
        with suppress(TidegateError):  # a file that cannot be read is told where it is asked for
            return load(mine, Root, "staged root").signed == self.root.signed
        return False

    def _read_summaries(self, data: bytes) -> None:
        timestamp = load(data, Timestamp, "published timestamp")
        with translated("published timestamp", _UNFINISHED):
            self.root.signed.verify_delegate("timestamp", payload(timestamp), timestamp.signatures)
        found = timestamp.signed.snapshot_meta
        snapshot = load(
            self._fetch(f"metadata/{found.version}.snapshot.json", found), Snapshot, "published snapshot"
        )
        with translated("published snapshot"):
            self.root.signed.verify_delegate("snapshot", payload(snapshot), snapshot.signatures)
        self.timestamp, self.snapshot = timestamp.signed, snapshot.signed
        self.snapshot_keyids = frozenset(snapshot.signatures)
        self.timestamp_keyids = frozenset(timestamp.signatures)

    def _fetch(self, name: str, expected: MetaFile) -> bytes:
        digest = (expected.hashes or {}).get("sha256")
        data = read_signed(self.store, name, digest)
        if data is None:
            raise UntrustedError(f"{name} is listed but missing in {self.store.location}")
        if digest is not None and sha256(data).hexdigest() != digest:
            raise UntrustedError(f"{name} in {self.store.location} is not what was signed")
        return data


def _delegates(above: Root | Targets, role: str) -> bool:
    try:
        above.get_delegated_role(role)
    except ValueError:  # what the library says of a name that is not there
        return False
    return True
