"""Remove what no published version needs: what killed publishers left, and old history when told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from repo_tools.desk import Desk
from repo_tools.publishing.reach import needed_before, needed_now
from repo_tools.signed.live import Live
from repo_tools.store import FullStore, Item
from repo_tools.store.lanes import in_lanes

GRACE = timedelta(days=1)
"""Younger files may belong to a publisher that is at work right now."""


@dataclass(frozen=True)
class Garbage:
    """What a store has that nobody needs."""

    store: FullStore
    items: Sequence[Item]
    kept: int
    """How many files are needed."""

    @property
    def size_bytes(self) -> int:
        """What removing it frees."""
        return sum(item.size_bytes for item in self.items)


def garbage(desk: Desk, store: FullStore, forget: datetime | None, grace: timedelta = GRACE) -> Garbage:
    """Return what a store has that no reachable version needs.

    Args:
        desk: The workspace.
        store: Its first store, or a mirror.
        forget: Forget history that was issued before, too; None keeps all of it.
        grace: Files that are younger are left alone.
    """
    items = list(store.items())  # first: what is published from here on is not looked at
    live = Live(store, desk.workspace.root_bytes())
    newest = live.timestamp.version if live.timestamp else 0
    needed = set(needed_now(live)) | needed_before(store, newest, forget)
    found = [item for item in items if item.name not in needed and item.modified_at <= desk.now - grace]
    return Garbage(store, found, len(items) - len(found))


def remove(found: Garbage) -> None:
    """Remove garbage; history's newest files first, so that what is left is never without what it names."""
    names = sorted((item.name for item in found.items), key=_order)
    for group in (True, False):
        some = [name for name in names if name.endswith(".timestamp.json") == group]
        in_lanes(found.store.lanes, partial(_remove, found.store), some)


def _remove(store: FullStore, name: str) -> None:
    store.remove(name)


def _order(name: str) -> tuple[bool, str]:
    return (name.startswith("targets/"), name)
