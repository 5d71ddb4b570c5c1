"""The one way in which a repository changes; safe to repeat after it was killed at any point."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from metadata.errors import ConflictError, SignaturesMissingError, UnsuitableError, UntrustedError
from repo_tools.desk import Desk
from repo_tools.files import OnBytes, silent
from repo_tools.publishing import evidence
from repo_tools.publishing.alone import complete
from repo_tools.publishing.between import explained, refuse_overtaken
from repo_tools.publishing.clocks import issue_time, refuse_wrong_clock
from repo_tools.publishing.order import publishing_order, stages
from repo_tools.publishing.restored import refuse_restored, remember
from repo_tools.publishing.tidying import clear
from repo_tools.recovery.online import online_signers
from repo_tools.roles import BRAKE
from repo_tools.signed.client import read_back
from repo_tools.signed.reading import timestamp_version
from repo_tools.signed.sealing import Sealed, Signers, refuse_skipping, seal
from repo_tools.signed.signing import staged_bytes
from repo_tools.signed.views import Entry
from repo_tools.signing import missing, needed, only, options
from repo_tools.store import TIMESTAMP
from repo_tools.store.base import Proving
from repo_tools.store.lanes import in_lanes, lanes_of


@dataclass(frozen=True)
class Staged:
    """A file that is too large to hold."""

    path: Path
    sha256: str


Content = bytes | Staged


@dataclass(frozen=True)
class Publication:
    """What one publication consists of."""

    roles: Mapping[str, int]
    """New versions by role."""
    files: Mapping[str, Content]
    """By name in the store."""

    @property
    def names(self) -> list[str]:
        """The files in the order in which they become public."""
        return publishing_order(self.files)

    @property
    def size_bytes(self) -> int:
        """How much is to be written."""
        sizes = (
            one.path.stat().st_size if isinstance(one, Staged) else len(one) for one in self.files.values()
        )
        return sum(sizes)


def refuse_unsigned(desk: Desk) -> None:
    """Refuse to publish before every threshold is met.

    Raises:
        SignaturesMissingError: It says who must still sign.
    """
    if unsigned := missing(desk):
        lines = "; ".join(needed(unsigned))
        ready = complete(desk) if desk.only is None else []
        brakes = [role for role in ready if role.endswith(f".{BRAKE}")]
        what = "the brake" if brakes else "what is signed"
        now = f"; {what} can go out now: tidegate publish{options(brakes or ready)}" if ready else ""
        raise SignaturesMissingError(
            f"signatures are missing: {lines}", f"they run: tidegate sign{only(desk)}{now}"
        )


def prepare(desk: Desk) -> Publication:
    """Return what publishing the staged roles will create, without writing anything.

    Raises:
        ConflictError: Somebody else published first.
    """
    roles: dict[str, int] = {}
    found: dict[str, Content] = {}
    documents = _documents(desk)
    refuse_overtaken(desk)
    refuse_restored(desk)
    for role in desk.tree.staged():
        view = desk.tree.view(role)
        roles[role] = view.version
        found[f"metadata/{view.version}.{role}.json"] = staged_bytes(desk.tree, role)
        found |= evidence.staged(desk, role)
        before = desk.tree.live_view(role)
        known = before.entries if before else {}
        for path, entry in view.entries.items():
            if known.get(path) is None or known[path].sha256 != entry.sha256:
                found[f"targets/{entry.stored_as}"] = _content(desk, entry, documents)
    return Publication(roles, found)


def publish(desk: Desk, publication: Publication, seals: Sealed, on_bytes: OnBytes = silent) -> int:
    """Make a publication public, read it back, and forget what was staged.

    Returns:
        How many files a new client found.

    Raises:
        ConflictError: Somebody else published first.
        UntrustedError: A client does not find what was signed.
    """
    try:
        upload(desk, publication, seals, on_bytes)
    except ConflictError as error:
        raise explained(desk, error) from error
    count = verify(desk, publication.files)
    clear(desk, publication.roles)
    return count


def sealed(desk: Desk, publication: Publication) -> Sealed:
    """Return snapshot and timestamp for a publication, signed with the online keys.

    Raises:
        SignaturesMissingError: The online key is not at hand.
        UnsuitableError: This machine's clock is behind the last publisher's.
    """
    return sealed_by(desk, publication, online_signers(desk))


def sealed_by(desk: Desk, publication: Publication, signers: Signers) -> Sealed:
    """Do as ``sealed`` does with signers that are at hand, or with none at all."""
    roles = {
        role: data
        for role, version in publication.roles.items()
        if isinstance(data := publication.files[f"metadata/{version}.{role}.json"], bytes)
    }
    return seal(desk.live, roles, signers, issue_time(desk))


def everything(publication: Publication, seals: Sealed) -> dict[str, Content]:
    """Return all that is written, by name in the store."""
    found: dict[str, Content] = {
        **publication.files,
        seals.history: seals.timestamp,
        TIMESTAMP: seals.timestamp,
    }
    return found | {seals.snapshot[0]: seals.snapshot[1]} if seals.snapshot else found


def upload(desk: Desk, publication: Publication, seals: Sealed, on_bytes: OnBytes = silent) -> None:
    """Create everything in its order, and then replace the timestamp.

    Raises:
        ConflictError: Somebody else published first.
        UnsuitableError: The store does not decide who was first, or has another clock; nothing that is live
            was touched.
    """
    refuse_wrong_clock(desk.store)
    contents = everything(publication, seals)
    if desk.live.timestamp_bytes is not None:
        newest = timestamp_version(desk.live.timestamp_bytes)
        _prove(desk, f"metadata/{newest}.timestamp.json", desk.live.timestamp_bytes)

    def put(name: str) -> None:
        content = contents[name]
        if name == TIMESTAMP:
            if desk.live.timestamp_bytes is None:
                _prove(desk, seals.history, seals.timestamp)
            desk.store.replace(name, seals.timestamp, expected=desk.live.timestamp_bytes)
        elif isinstance(content, Staged):
            desk.store.upload(name, content.path, content.sha256, on_bytes)
        else:
            desk.store.create(name, content)
            on_bytes(len(content))

    for names in stages(contents):
        in_lanes(lanes_of(desk.store), put, names)
    remember(desk, seals.timestamp)


def _prove(desk: Desk, name: str, data: bytes) -> None:
    if isinstance(desk.store, Proving):
        desk.store.prove(name, data, desk.now)


def verify(desk: Desk, new: Collection[str] | None = None) -> int:
    """Read the store as a client does, one route of each wave, and return how many files were found.

    What has expired is left out, and what it delegates to: no client reads it, before this or after.

    Args:
        desk: The workspace.
        new: The names that were just published: the client then has been there before, and the files that
            it downloads are these. None for a new client that downloads everything.

    Raises:
        UntrustedError: A client does not find what was signed.
    """
    expected: dict[str, Entry] = {}
    gone = lapsed(desk)
    for channel in desk.channels():
        if channel.role in gone:
            continue
        for role in desk.tree.view(channel.role).delegations:
            if role not in gone:
                expected |= dict(list(desk.tree.view(role).entries.items())[:1])
        expected |= desk.tree.view(channel.role).entries
    first = desk.live.version("root") == 0
    root = staged_bytes(desk.tree, "root") if first else desk.live.root_bytes
    known = {role: data for role in desk.live.meta if (data := desk.live.raw(role))} if new else {}
    found = read_back(desk.store, root, expected, desk.now, known)
    for path, entry in expected.items():
        if found[path] != entry:
            raise UntrustedError(
                f"a client does not find {path} as it was signed", "tidegate check says more"
            )
        name = f"targets/{entry.stored_as}"
        if (new is None or name in new) and not desk.store.has(name):
            raise UntrustedError(f"{name} is missing in {desk.store.location}")
    return len(found)


def lapsed(desk: Desk) -> set[str]:
    """Return channels and their roles that have expired in public, and that nothing staged replaces."""
    roles = [role for one in desk.channels() for role in (one.role, *desk.tree.view(one.role).delegations)]
    staged = desk.tree.staged()
    return {role for role in roles if role not in staged and desk.tree.view(role).expires_at <= desk.now}


def refresh(desk: Desk, lasting: timedelta | None = None, *, after_future: bool = False) -> int:
    """Publish a new timestamp, and a new snapshot when it is due; return the timestamp's version.

    Args:
        desk: The workspace.
        lasting: How long the timestamp shall last; None: as long as root's owners allow.
        after_future: Go on from a timestamp that was signed by a clock that was ahead.

    Raises:
        UnsuitableError: Nothing is published yet, or it would last too long.
        ConflictError: A later timestamp was signed already.
    """
    at = issue_time(desk, after_future=after_future)
    return _renewed(desk, online_signers(desk.published()), at, lasting)


def cosign(desk: Desk) -> int:
    """Publish a timestamp and a snapshot that both online keys sign; return the timestamp's version.

    Raises:
        SignaturesMissingError: One of the keys is not at hand.
    """
    return _renewed(desk, online_signers(desk), issue_time(desk), None)


def _renewed(desk: Desk, signers: Signers, at: datetime, lasting: timedelta | None) -> int:
    if desk.live.timestamp is None:
        raise UnsuitableError(
            f"nothing is published in {desk.store.location} yet", "tidegate publish comes first"
        )
    refuse_skipping(desk.live)
    refuse_restored(desk)
    seals = seal(desk.live, {}, signers, at, lasting)
    upload(desk, Publication({}, {}), seals)
    return seals.version


def _content(desk: Desk, entry: Entry, documents: Mapping[str, Entry]) -> Content:
    """Return a new file's content; a route has that of the release document it names."""
    if path := desk.contents.staged(entry):
        return Staged(path, entry.sha256)
    twin = documents.get(entry.sha256) if entry.custom is not None else None
    return desk.contents.read(twin or entry)


def _documents(desk: Desk) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for role in desk.tree.view("targets").delegations:
        if role.endswith(".releases"):
            entries = desk.tree.view(role).entries.values()
            found |= {entry.sha256: entry for entry in entries if entry.path.endswith("/release.json")}
    return found
