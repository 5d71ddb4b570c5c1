"""A repository as it was at a time: a store that has forgotten what came later.

Everything that reads what is live works on it unchanged, and verifies it anew.
"""

import os
from datetime import datetime
from pathlib import Path

from metadata.errors import UnsuitableError
from repo_tools.audit.history import History, Publication
from repo_tools.audit.readonly import Reading, ReadOnly
from repo_tools.contents import Contents
from repo_tools.desk import Desk
from repo_tools.keys.folder import KeyFolder
from repo_tools.keys.passphrase import Passphrases
from repo_tools.output import moment
from repo_tools.signed.live import Live
from repo_tools.signed.tree import Tree
from repo_tools.store import TIMESTAMP, Store
from repo_tools.workspace import Settings, Workspace

NOWHERE = Path(os.devnull)
"""A folder in which there is never anything: who reads from a URL has no workspace and no keys."""


class PastStore(ReadOnly):
    """A store as a client found it right after one of its publications.

    Args:
        inner: The store as it is.
        timestamp: The version of the publication's timestamp.
        root: The version of the root of then.
    """

    def __init__(self, inner: Store, timestamp: int, root: int) -> None:
        self.inner = inner
        self.timestamp = f"metadata/{timestamp}.timestamp.json"
        self.root = root

    @classmethod
    def after(cls, inner: Store, publication: Publication) -> "PastStore":
        """Return a store as it was right after a publication."""
        return cls(inner, publication.number, publication.root.number)

    @property
    def location(self) -> str:
        """The store as people write it."""
        return self.inner.location

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there was none."""
        if name == TIMESTAMP:
            name = self.timestamp
        return None if self._later(name) else self.inner.read(name)

    def _later(self, name: str) -> bool:
        number, _, rest = name.removeprefix("metadata/").partition(".")
        return rest == "root.json" and number.isdigit() and int(number) > self.root


def desk_on(store: Reading, root: bytes, now: datetime) -> Desk:
    """Return what is live in a store, with nothing staged over it."""
    workspace = Workspace(NOWHERE, Settings(store=store.location))
    desk = Desk(workspace, KeyFolder(NOWHERE), Passphrases(), now)
    desk.store = store
    desk.live = Live(store, root)
    desk.tree = Tree(desk.live, None, now)
    desk.contents = Contents(NOWHERE, store)
    return desk


def desk_then(store: Reading, root: bytes, history: History, at: datetime) -> Desk:
    """Return the repository as it was at a time, by the signed issue times.

    Args:
        store: Where it is published.
        root: The root that is trusted.
        history: All that was published there.
        at: The time.

    Raises:
        UnsuitableError: Nothing was published by then.
        UntrustedError: What was published then does not hold.
    """
    found = history.at(at)
    if found is None:
        first = history.publications[0].at if history.publications else None
        raise UnsuitableError(
            f"nothing was published in {store.location} by {moment(at)}", f"it begins at {moment(first)}"
        )
    return desk_on(PastStore.after(store, found), root, at)
