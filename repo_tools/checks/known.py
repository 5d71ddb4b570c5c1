"""A store as a publisher has just read and verified it: what is immutable is not asked for again.

Clients that rehearse a publication read the same few files, one after the other. The names here never change
their content, and what has a signed digest comes from this machine's memory where the store has one. Only
``tidegate check`` lets every client read the store itself.
"""

from collections.abc import Iterable
from functools import partial

from repo_tools.audit.history import Publication
from repo_tools.audit.papers import Timestamp, stored_as
from repo_tools.audit.readonly import ReadOnly
from repo_tools.desk import Desk
from repo_tools.signed.reading import timestamp_version
from repo_tools.store import TIMESTAMP
from repo_tools.store.memory import read_held, read_signed


class Known(ReadOnly):
    """What is live, and what a few publications before it need.

    Args:
        desk: What was read.
    """

    def __init__(self, desk: Desk) -> None:
        self._live = live = desk.live
        self._inner = desk.store
        self._read: dict[str, bytes | None] = {
            TIMESTAMP: live.timestamp_bytes,
            stored_as("root", live.root.signed.version): live.root_bytes,
            stored_as("root", live.root.signed.version + 1): None,
        }
        self._digests = {
            stored_as(role, meta.version): meta.hashes["sha256"]
            for role, meta in live.meta.items()
            if meta.hashes
        }
        if live.timestamp_bytes is not None:
            newest = stored_as("timestamp", timestamp_version(live.timestamp_bytes))
            self._read[newest] = live.timestamp_bytes

    def expect(self, pasts: Iterable[Publication]) -> None:
        """Take the digests of their snapshots from publications that clients will remember."""
        for past in pasts:
            body = past.timestamp.body
            named = body.meta.get("snapshot.json") if isinstance(body, Timestamp) else None
            if named and named.sha256:
                self._digests[stored_as("snapshot", named.version)] = named.sha256

    @property
    def location(self) -> str:
        """The store as people write it."""
        return self._inner.location

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there is none."""
        if name not in self._read:
            self._read[name] = self._asked(name)
        return self._read[name]

    def _asked(self, name: str) -> bytes | None:
        number, _, rest = name.removeprefix("metadata/").partition(".")
        if rest == "timestamp.json" and number.isdecimal():
            return read_held(self._inner, name, partial(self._live.issued, version=int(number)))
        return read_signed(self._inner, name, self._digests.get(name))

    def has(self, name: str) -> bool:
        """Return whether the store itself has a name."""
        return self._inner.has(name)
