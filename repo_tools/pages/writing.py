"""Write the site into a store so that a reader finds all of one build, or all of the one before.

Assets and pages have names that change with their content and are created once; one that was cut off is
written anew. The index is replaced last, and is the only way in: until then nobody is led to anything new,
wherever a writer was killed. A site that names no hosts leaves none of an earlier one that did.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from metadata.errors import ConflictError, UnsuitableError
from repo_tools.pages.site import NAMING, Site
from repo_tools.store import FullStore, Item
from repo_tools.store.base import INDEX, STATUS
from repo_tools.store.lanes import in_lanes

ROOM = "status"
_BUILD = re.compile(rb'data-build="([0-9a-f]{16}(?:-full)?)"')
KEPT = timedelta(days=1)
"""How long pages stay that no build has any more: somebody may have them open."""


@dataclass(frozen=True)
class Written:
    """What was done."""

    created: int
    size_bytes: int
    """Of the whole site."""
    removed: int
    news: bool
    """Whether any page differs from the last build."""


def write(store: FullStore, site: Site, now: datetime) -> Written:
    """Write what is new of a site, and remove what nobody reads any more.

    Args:
        store: Where to.
        site: Its files.
        now: The present.

    Raises:
        ConflictError: Somebody else writes it at the same time.
        UnsuitableError: What stands in its place is no dashboard.
    """
    try:
        return _write(store, site, now)
    except ConflictError as error:
        text = f"somebody else wrote the dashboard in {store.location} at the same time"
        raise ConflictError(text, "build it again") from error


def _write(store: FullStore, site: Site, now: datetime) -> Written:
    _refuse_foreign(store)
    there = {item.name: item for folder in _FOLDERS for item in store.below(folder)}
    wanted = {f"{ROOM}/{name}": data for name, data in site.once.items()}
    fresh = [name for name in wanted if name not in there]
    cut = [name for name in wanted if name in there and there[name].size_bytes != len(wanted[name])]
    in_lanes(store.lanes, store.remove, cut)
    in_lanes(store.lanes, lambda name: store.create(name, wanted[name]), [*fresh, *cut])
    left = _led_to(store)
    for name, data in ((INDEX, site.index), (STATUS, site.status)):
        before = store.read(name)
        if before != data:
            store.replace(name, data, before)
    full = site.build.endswith(NAMING)
    gone = [
        one.name
        for one in there.values()
        if one.name not in wanted and ((not full and _names_hosts(one)) or _is_unread(one, left, now))
    ]
    in_lanes(store.lanes, store.remove, gone)
    size = sum(map(len, (*wanted.values(), site.index, site.status)))
    news = any(name.startswith(f"{ROOM}/builds/") for name in fresh)
    return Written(len(fresh) + len(cut), size, len(gone), news)


_FOLDERS = tuple(f"{ROOM}/{name}" for name in ("assets", "builds", "agents"))


def _refuse_foreign(store: FullStore) -> None:
    """Refuse to write over somebody's own page; what was cut to nothing is nobody's.

    Raises:
        UnsuitableError: It is there.
    """
    index = store.read(INDEX)
    if index and not _BUILD.search(index):
        text = f"{INDEX} in {store.location} is no dashboard's, and is not replaced"
        raise UnsuitableError(text, "move it away, or choose another folder with --to")


def _led_to(store: FullStore) -> bytes:
    """Return the text of the pages that lead to all others of the build that is read now."""
    index = store.read(INDEX) or b""
    found = _BUILD.search(index)
    hosts = store.read(f"{ROOM}/builds/{found[1].decode()}/failures.html") if found else None
    return index + (hosts or b"")


def _names_hosts(item: Item) -> bool:
    """Return whether a file is of a site that names hosts."""
    _room, folder, name, *_ = item.name.split("/")
    return folder == "agents" or name.endswith(NAMING)


def _is_unread(item: Item, left: bytes, now: datetime) -> bool:
    """Return whether nobody reads a file: it is old, and the build that readers leave just now has it not."""
    build_or_file = item.name.split("/")[2]
    return item.modified_at <= now - KEPT and build_or_file.encode() not in left
