"""Snapshot and timestamp: the two roles that a publisher signs with the online key."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Timestamp

from metadata.errors import ConflictError, TidegateError, UnsuitableError
from metadata.fields import MAX_INTEGER, time_text
from repo_tools.roles import lifetime
from repo_tools.signed.canonical import payload
from repo_tools.signed.live import Live
from repo_tools.signed.reading import key_info, load
from repo_tools.signed.trouble import signing, translated
from repo_tools.signed.views import EXPIRY_FIELD, ISSUED_FIELD, PASSED_FIELD

AT_WORK = timedelta(minutes=10)
"""So long a publisher may take for its last two requests; clocks differ by up to five minutes."""
LOWER = "to go on lower: tidegate key revoke ONLINE-KEY --compromised --new KEY --good timestamp=VERSION"
Signers = Mapping[str, Sequence[Signer]]


@dataclass(frozen=True)
class Sealed:
    """What makes a set of roles the published one."""

    snapshot: tuple[str, bytes] | None
    """Its name in the store and its content; None when the published one still says it all."""
    version: int
    """The timestamp's."""
    timestamp: bytes

    @property
    def history(self) -> str:
        """The name under which the timestamp is kept for good."""
        return f"metadata/{self.version}.timestamp.json"


def seal(
    live: Live,
    roles: Mapping[str, bytes],
    signers: Signers,
    now: datetime,
    lasting: timedelta | None = None,
) -> Sealed:
    """Return a snapshot of the live roles with ``roles`` over them, and a timestamp for it.

    Args:
        live: What is published.
        roles: New versions of roles, as they will lie in the store.
        signers: The online keys of snapshot and timestamp.
        now: The present, UTC.
        lasting: How long the timestamp shall last; None: as long as root's owners allow.

    Raises:
        UnsuitableError: That is longer than they allow.
        ConflictError: Somebody is publishing right now.
    """
    root = Metadata[Root].from_bytes(roles["root"]).signed if "root" in roles else live.root.signed
    meta = {f"{name}.json": found for name, found in live.meta.items()}
    for role, data in roles.items():
        if role != "root":
            meta[f"{role}.json"] = _meta(Metadata.from_bytes(data).signed.version, data)
    snapshot = _snapshot(live, root, meta, signers["snapshot"], now)
    pointer = live.timestamp.snapshot_meta if live.timestamp else MetaFile(1)
    if snapshot is not None:
        pointer = _meta(int(snapshot[0].split("/")[1].split(".")[0]), snapshot[1])
    expires = _expiry(root, "timestamp", now, lasting)
    version = live.timestamp.version + 1 if live.timestamp else 1
    passed: dict[int, bytes] = {}
    while there := live.store.read(f"metadata/{version}.timestamp.json"):
        if _unfinished(root, there, now):
            return _finished(live, meta, snapshot, there, expires)
        passed[version] = there  # a publisher that was killed left this name behind
        version += 1
    _refuse_put_back(live, root, passed.values())
    said = _said(now, [*passed])
    signed = Timestamp(version, expires=expires, snapshot_meta=pointer, unrecognized_fields=said)
    return Sealed(snapshot, version, _signed(Metadata(signed), signers["timestamp"]))


def _said(now: datetime, passed: Sequence[int]) -> dict[str, Any]:
    """Return what a timestamp says beyond TUF; without the passed ones history would seem to go back."""
    said: dict[str, Any] = {ISSUED_FIELD: time_text(now)}
    return {**said, PASSED_FIELD: [*passed]} if passed else said


def _snapshot(
    live: Live, root: Root, meta: dict[str, MetaFile], signers: Sequence[Signer], now: datetime
) -> tuple[str, bytes] | None:
    signed = {signer.public_key.keyid for signer in signers} <= live.snapshot_keyids
    if live.snapshot and signed and live.snapshot.meta == meta and not _due(root, live.snapshot, now):
        return None
    version = _free_version(live, "snapshot", live.snapshot.version if live.snapshot else 0)
    made = Snapshot(version, expires=_expiry(root, "snapshot", now), meta=dict(sorted(meta.items())))
    return f"metadata/{version}.snapshot.json", _signed(Metadata(made), signers)


def _refuse_put_back(live: Live, root: Root, later: Collection[bytes]) -> None:
    """Refuse to go past several later timestamps: the killed leave one each, and who goes past it says so."""
    signed = [found for data in later if (found := _believed(root, data))]
    passed = {number for found in signed for number in found.unrecognized_fields.get(PASSED_FIELD) or ()}
    open_ones = [found.version for found in signed if found.version not in passed]
    if len(open_ones) > 1 and live.timestamp:
        numbers = ", ".join(map(str, open_ones))
        text = f"timestamps {numbers} were signed already, but {live.timestamp.version} is published"
        hint = "put the newest back, in place of the old one; if killed publishers left them all: tidegate gc"
        raise ConflictError(text, hint)


def _believed(root: Root, data: bytes) -> Timestamp | None:
    """Return a timestamp if the keys that a root names signed it."""
    try:
        found = load(data, Timestamp, "a later timestamp")
        root.verify_delegate("timestamp", payload(found), found.signatures)
    except (TidegateError, RepositoryError):
        return None
    return found.signed


def _unfinished(root: Root, data: bytes, now: datetime) -> bool:
    """Return whether somebody may be publishing a timestamp at this moment.

    Args:
        root: Whose keys count.
        data: A timestamp that lies in the store, under a version that is not live yet.
        now: The present, UTC.
    """
    found = _believed(root, data)
    try:
        said = found.unrecognized_fields.get(ISSUED_FIELD) if found else None
        return abs(now - datetime.fromisoformat(str(said))) < AT_WORK
    except ValueError:
        return False  # nobody who may sign it did, or it does not say when


def _finished(
    live: Live,
    meta: Mapping[str, MetaFile],
    snapshot: tuple[str, bytes] | None,
    data: bytes,
    expires: datetime,
) -> Sealed:
    """Return what this publication left when it was killed; refuse to go past that of somebody else.

    To take the next version instead would leave a timestamp that was never public, and whose snapshot may
    name higher versions of roles: to clients and auditors the history would seem to go back.
    """
    found = load(data, Timestamp, "a later timestamp").signed
    named = found.snapshot_meta
    mine = found.expires <= expires
    if mine and snapshot is None and live.timestamp and named == live.timestamp.snapshot_meta:
        return Sealed(None, found.version, data)
    name = f"metadata/{named.version}.snapshot.json"
    left = live.store.read(name) if mine and snapshot is not None else None
    if left and _meta(named.version, left) == named and load(left, Snapshot, name).signed.meta == meta:
        return Sealed((name, left), found.version, data)
    text = f"timestamp {found.version} was signed just now by somebody else, and is not public yet"
    raise ConflictError(
        text, "wait until it is; if its publisher was killed, publish again there or in a while"
    )


def refuse_skipping(live: Live) -> None:
    """Refuse to go on from a timestamp that is no longer the newest that was signed.

    A publisher that was killed at the end leaves such a one; so does somebody who puts an old timestamp back.
    To sign what is live then would take roles back to versions that clients have left behind.

    Raises:
        ConflictError: A later timestamp with a later snapshot lies in the store.
    """
    if live.timestamp is None or live.snapshot is None:
        return
    later = live.store.read(f"metadata/{live.timestamp.version + 1}.timestamp.json")
    if later is None:
        return
    found = _believed(live.root.signed, later)
    if found and found.snapshot_meta.version > live.snapshot.version:
        text = f"timestamp {found.version} was signed already, but {live.timestamp.version} is published"
        hint = "a publisher was killed, or somebody put an old one back: tidegate publish where it was staged"
        raise ConflictError(text, hint)


def allowed(root: Root, role: str) -> timedelta:
    """Return how long root's owners let an online role last."""
    said = root.roles[role].unrecognized_fields.get(EXPIRY_FIELD)
    return timedelta(seconds=said) if isinstance(said, int) else lifetime(role)


def _due(root: Root, snapshot: Snapshot, now: datetime) -> bool:
    left, longest = snapshot.expires - now, allowed(root, "snapshot")
    return left < longest / 2 or left > longest + AT_WORK  # the limit was longer, or a clock ahead


def _free_version(live: Live, role: str, version: int) -> int:
    version += 1
    while live.store.has(f"metadata/{version}.{role}.json"):
        version += 1  # a publisher that was killed left this name behind
    return version


def _meta(version: int, data: bytes) -> MetaFile:
    return MetaFile(version, len(data), {"sha256": sha256(data).hexdigest()})


def _signed(metadata: Metadata[Any], signers: Sequence[Signer]) -> bytes:
    role = metadata.signed.type
    if metadata.signed.version > MAX_INTEGER:
        text = f"{role} has run up to version {metadata.signed.version - 1}: nothing can follow it"
        raise UnsuitableError(text, LOWER)
    for signer in signers:
        with translated(role), signing(role, key_info(signer.public_key).name):
            metadata.sign(signer, append=True)
    return metadata.to_bytes()


def _expiry(root: Root, role: str, now: datetime, lasting: timedelta | None = None) -> datetime:
    longest = allowed(root, role)
    if lasting is not None and not timedelta(0) < lasting <= longest:
        text = f"root's owners let {role} last {longest}, not {lasting}"
        raise UnsuitableError(text, f"they may change it: tidegate renew --limit {role}=SPAN")
    return (now + (lasting or longest)).replace(microsecond=0)
