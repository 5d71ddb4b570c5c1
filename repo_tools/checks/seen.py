"""What only ``tidegate check`` looks at: everything that was published, and every file that is listed now.

A publication does not wait for this. Files are asked for by HEAD, their length is compared with what was
signed; their bytes are read only when somebody asks for it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from metadata.errors import MalformedError, TidegateError, UntrustedError
from repo_tools.audit.files import listings, recompute
from repo_tools.audit.history import History, ordered
from repo_tools.audit.papers import stored_as
from repo_tools.audit.readonly import Reading
from repo_tools.audit.walk import Walk
from repo_tools.desk import Desk
from repo_tools.files import OnBytes, silent
from repo_tools.output import counted
from repo_tools.roles import ONLINE
from repo_tools.signed.views import Entry, View
from repo_tools.store.lanes import in_lanes

NAMED = 3
"""How many files a sentence names; the others are counted."""


@dataclass(frozen=True)
class Damage:
    """Listed files that cannot be had as they were signed, or cannot be read."""

    role: str
    text: str
    hint: str = "put it back from a mirror or a build; what changed was not changed by publishing"


@dataclass(frozen=True)
class Seen:
    """What was found by looking at everything."""

    history: History | None = None
    """What was ever published, from the first root in the store on; None: not looked at."""
    damage: Collection[Damage] = ()
    everything: bool = False
    """Whether anybody looked."""
    gone: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By role: paths of files that are not there; nobody need read them to know."""


def look(desk: Desk, store: Reading, *, files: bool = False, on_bytes: OnBytes = silent) -> Seen:
    """Look at everything that is published.

    Args:
        desk: What is live; what is staged over it is not looked at.
        store: The same store, to read from.
        files: Read every file that is listed, too.
        on_bytes: Told how much was read.
    """
    root = store.read(stored_as("root", 1)) or desk.live.root_bytes
    history = ordered(Walk(store).collect(root))
    sizes = dict(_measured(desk, store))
    damage = [*_without_digests(desk), *_told(sizes)]
    if files:
        whole = [one for one in listings(history) if one[2] and _key(one[1].role, one[0]) not in sizes]
        found = recompute(store, whole, on_bytes)
        damage += [Damage(one.role, one.text) for one in found]
    gone: dict[str, set[str]] = defaultdict(set)
    for (role, _digest), (entry, _size) in sizes.items():
        gone[role].add(entry.path)
    return Seen(history, damage, everything=True, gone=gone)


def damage(desk: Desk, store: Reading) -> list[Damage]:
    """Return what is wrong with the files that are listed now, by their length alone."""
    return list(_told(dict(_measured(desk, store))))


def _without_digests(desk: Desk) -> Iterator[Damage]:
    live = desk.live
    listed = {"snapshot": live.timestamp.snapshot_meta, **live.meta} if live.timestamp else {}
    bare = [role for role, one in listed.items() if one.length is None or "sha256" not in (one.hashes or {})]
    if bare:
        text = f"listed without length and SHA-256, so that agents refuse it: {_some(bare)}"
        yield Damage("snapshot", text)


def unreadable(role: str, error: TidegateError) -> Damage:
    """Return what is wrong with a document that was signed and cannot be read, or is not there."""
    if isinstance(error, MalformedError):
        return Damage(role, error.message, "whoever signed it must sign another: tidegate log says who")
    return Damage(role, error.message)


Key = tuple[str, str]
Wrong = tuple[Entry, int | None]


def _key(role: str, entry: Entry) -> Key:
    return role, entry.stored_as


def _measured(desk: Desk, store: Reading) -> Iterator[tuple[Key, Wrong]]:
    """Yield each listed file that is not there, or has another length."""
    listed = [(view.role, entry) for view in _live(desk) for entry in view.entries.values()]
    names = [f"targets/{entry.stored_as}" for _role, entry in listed]
    sizes = in_lanes(store.lanes, store.size_bytes, names)
    for (role, entry), size in zip(listed, sizes, strict=True):
        if size != entry.length:
            yield _key(role, entry), (entry, size)


def _live(desk: Desk) -> Iterator[View]:
    """Yield every targets role that clients walk."""
    waiting = ["targets"]
    for role in waiting:
        view = desk.tree.live_view(role) if role not in ONLINE else None
        if view:
            yield view
            waiting += view.delegations


def _told(wrong: Mapping[Key, Wrong]) -> Iterator[Damage]:
    """Yield a sentence for each role and kind of damage: a wave's routes are many, and one thing."""
    absent: dict[str, list[str]] = defaultdict(list)
    other: dict[str, list[str]] = defaultdict(list)
    for (role, _name), (entry, size) in wrong.items():
        if size is None:
            absent[role].append(entry.path)
        else:
            other[role].append(f"{entry.path} ({size:,} bytes instead of {entry.length:,})")
    for found, what in ((absent, "not there"), (other, "of another length")):
        for role, paths in found.items():
            verb = "is" if len(paths) == 1 else "are"
            text = f"{role} lists {counted(len(paths), 'file')} that {verb} {what}: {_some(paths)}"
            yield Damage(role, text)


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more


def mixed(desk: Desk, store: Reading) -> list[Damage]:
    """Return what a store lists and does not have, roles as well as files."""
    for role in desk.live.meta:
        try:
            desk.tree.live_view(role)
        except UntrustedError as error:
            return [Damage(role, error.message)]
        except TidegateError as error:
            return [Damage(role, f"{role}: {error.message}")]
    return damage(desk, store)
