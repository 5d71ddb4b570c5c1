"""Rehearse a publication: real clients read it before anybody else does.

A new client, and clients that remember earlier publications, ask for what the agents of every wave ask for:
now, and at the horizon, the last moment at which the timestamp still counts. Whatever expires before it would
stop agents although everything was refreshed in time.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from metadata import places
from metadata.errors import MalformedError, TidegateError
from repo_tools.audit.history import History, Publication
from repo_tools.audit.papers import read, stored_as
from repo_tools.audit.past import PastStore
from repo_tools.audit.readonly import Reading, ReadOnly
from repo_tools.checks.facts import Finding, Level
from repo_tools.desk import Desk
from repo_tools.output import counted, when
from repo_tools.roles import (
    BRAKE,
    MAX_JUMP,
    SELECTED,
    TOP_LEVEL,
    Channel,
    is_wave,
    parent,
    release_path,
    releases,
)
from repo_tools.rollouts.state import order_in
from repo_tools.signed.views import Entry
from repo_tools.signed.visiting import Visitor, over
from repo_tools.store import TIMESTAMP, Store


class Overlay(ReadOnly):
    """A store as it will be: files that are about to be published, over those that are there."""

    def __init__(self, inner: Store, new: Mapping[str, bytes]) -> None:
        self._inner = inner
        self._new = new
        self.lanes = getattr(inner, "lanes", 1)

    @property
    def location(self) -> str:
        """The store as people write it."""
        return self._inner.location

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there is none."""
        return self._new[name] if name in self._new else self._inner.read(name)


@dataclass(frozen=True)
class Rehearsal:
    """What clients are to read, and what they must find."""

    store: Reading
    root: bytes
    """What hosts are installed with."""
    now: datetime
    horizon: datetime
    """The last moment at which the timestamp counts."""
    expected: Mapping[str, str | None]
    """Digests, by target path; None where there is verifiably nothing."""
    coming: Collection[str] = ()
    """Names of files that are published together with the metadata."""
    mild: bool = False
    """It only calms things down: what expires must not stop it."""
    moved: Mapping[str, str | None] | None = None
    """What old clients ask for, and what the store must have; None: everything that is expected."""

    def findings(self, before: Store, pasts: Iterable[Publication]) -> Iterator[Finding]:
        """Yield what clients refuse or do not find: a new one, and one from each past publication.

        Args:
            before: The store as it is.
            pasts: Publications after which an old client was there last.
        """
        moved = self.expected if self.moved is None else self.moved
        for path, digest in moved.items():
            name = f"targets/{Entry(path, 0, digest).stored_as}" if digest else ""
            if name and name not in self.coming and not before.has(name):
                text = f"{path} is listed, and {name} is not there"
                yield Finding("error", "clients", "targets", text, _HINT)
        with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
            new, late = Visitor(Path(folder, "new"), self.root), Visitor(Path(folder, "late"), self.root)
            yield from self._visit("a new client", new, self.now, self.expected)
            if self.horizon > self.now:
                who = f"a client at {when(self.horizon)}"
                yield from self._visit(who, late, self.horizon, self.expected)
            failing: dict[Level, list[tuple[int, str]]] = {}
            for past in pasts:
                old = Visitor(Path(folder, str(past.number)), self.root)
                if self._has_clients(old, Overlay(before, {}), past):
                    for found in self._visit("", old, self.now, moved):
                        failing.setdefault(found.level, []).append((past.number, found.text))
        for level, some in failing.items():
            yield Finding(level, "clients", "timestamp", _of_all(some), _HINT)

    def _has_clients(self, client: Visitor, before: Overlay, past: Publication) -> bool:
        """Return whether a client of the past is there to be hurt, and let it remember that past.

        A publisher who was second, or was killed, leaves a timestamp that was never public. Whoever refuses
        what is live cannot be hurt by what comes next; ``tidegate check`` tells of it.
        """
        if not _remembers(client, PastStore.after(before, past), past):
            return False
        return not self.coming or _remembers(client, before, past)

    def _visit(
        self, who: str, client: Visitor, at: datetime, expected: Mapping[str, str | None]
    ) -> Iterator[Finding]:
        try:
            found = client.visit(self.store, at, expected)
        except TidegateError as error:
            level: Level = "warning" if self.mild and over(error) else "error"
            yield Finding(level, "clients", "timestamp", f"{who} fails: {error.message}", _HINT)
            return
        wrong = [path for path, digest in expected.items() if found[path] != digest]
        if wrong:
            text = f"{who} does not find {wrong[0]} as it was signed"
            yield Finding("error", "clients", "timestamp", text, _HINT)


def _of_all(some: Sequence[tuple[int, str]]) -> str:
    """Return what becomes of the client that knows most, and how many others there are."""
    number, text = max(some)
    others = f" ({counted(len(some) - 1, 'other')} as well)" if len(some) > 1 else ""
    return f"a client that knows timestamp {number}{text}{others}"


def rehearsal(desk: Desk, store: Overlay, coming: Collection[str] = (), *, mild: bool = False) -> Rehearsal:
    """Return a rehearsal of what a desk holds.

    Args:
        desk: What is live, and what is staged over it.
        store: What is live, under the metadata that will be published, with snapshot and timestamp.
        coming: Names of everything that will be published with it.
        mild: Whether it only calms things down.
    """
    root = store.read(stored_as("root", 1)) or desk.live.root_bytes
    horizon = read("timestamp", 1, store.read(TIMESTAMP) or b"").body.expires - _LAST_MOMENT
    return Rehearsal(store, root, desk.now, horizon, expected(desk), coming, mild)


def expected(desk: Desk) -> dict[str, str | None]:
    """Return what agents of every wave ask for, and what they must find; None: verifiably nothing.

    The policy, the brake, a selection, one route of each wave and the release that it leads to; where
    something is staged, of the channels that it can touch.
    """
    found: dict[str, str | None] = {}
    staged = desk.tree.staged()
    for channel in desk.channels():
        if not staged or any(_touches(role, channel) for role in staged):
            for role in (channel.role, *desk.tree.view(channel.role).delegations):
                found |= _asked(desk, channel, role)
    return found


def moved(desk: Desk) -> dict[str, str | None]:
    """Return what agents ask for and may find changed: what staged roles say, and the roles below them."""
    found: dict[str, str | None] = {}
    staged = set(desk.tree.staged())
    for channel in desk.channels():
        for role in (channel.role, *desk.tree.view(channel.role).delegations):
            if staged & {role, parent(role), releases(channel.product), "targets", "root"}:
                found |= _asked(desk, channel, role)
    return found


def _asked(desk: Desk, channel: Channel, role: str) -> dict[str, str | None]:
    """Return what agents ask for that one role of a channel answers, and where its orders lead."""
    empty: dict[str, str | None] = {
        channel.below(BRAKE): channel.path(BRAKE),
        channel.below(SELECTED): channel.path(places.pick_route(_NOBODY)),
    }
    found: dict[str, str | None] = {path: None for path in [empty.get(role)] if path}
    entries = list(desk.tree.view(role).entries.values())
    for entry in entries if role == channel.role else entries[:1]:
        found[entry.path] = entry.sha256
        if is_wave(role) and (version := _ordered(entry)):
            found[release_path(channel.product, version)] = entry.sha256
    return found


def _ordered(entry: Entry) -> str:
    """Return the version that a route leads to; nothing where it cannot be read, which a rule tells."""
    try:
        return order_in(entry).version
    except MalformedError:
        return ""


def _touches(role: str, channel: Channel) -> bool:
    own = role == channel.role or role.startswith(f"{channel.role}.")
    return own or role in {*TOP_LEVEL, releases(channel.product)}


def every_past(history: History) -> Sequence[Publication]:
    """Return one publication for each snapshot: the newest, whose clients are the hardest to please."""
    return list({one.snapshot.number: one for one in history.publications if one.snapshot}.values())


def last_pasts(desk: Desk, store: Store, count: int) -> Sequence[Publication]:
    """Return the last few publications in a store, without walking through the history."""
    live, found = desk.live, list[Publication]()
    newest = live.timestamp.version if live.timestamp else 0
    if newest:
        root = read("root", live.version("root"), live.root_bytes)
        for number in range(newest, max(0, newest - MAX_JUMP), -1):
            if len(found) == count:
                break
            if data := store.read(stored_as("timestamp", number)):
                found.append(Publication(read("timestamp", number, data), root, None, {}))
    return found


def _remembers(client: Visitor, store: Store, past: Publication) -> bool:
    """Let a client visit a store by the clock of the past; what nobody accepted even then has no clients."""
    try:
        client.visit(store, past.at or past.timestamp.body.expires, [])
    except TidegateError:
        return False
    return True


_NOBODY = ""
"""The id of no agent: its selection is asked for, so that clients read that role, too."""
_LAST_MOMENT = timedelta(seconds=1)
_HINT = "publishing this would do the same to every agent"
