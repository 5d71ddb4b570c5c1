"""Snapshot and timestamp: the two roles that a publisher signs with the online key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from repo_tools.roles import lifetime
from repo_tools.signed.live import Live
from repo_tools.signed.trouble import translated
from repo_tools.signed.views import ISSUED_FIELD

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


def seal(live: Live, roles: Mapping[str, bytes], signers: Signers, now: datetime) -> Sealed:
    """Return a snapshot of the live roles with ``roles`` over them, and a timestamp for it.

    Args:
        live: What is published.
        roles: New versions of roles, as they will lie in the store.
        signers: The online keys of snapshot and timestamp.
        now: The present, UTC.
    """
    meta = {f"{name}.json": found for name, found in live.meta.items()}
    for role, data in roles.items():
        if role != "root":
            meta[f"{role}.json"] = _meta(Metadata.from_bytes(data).signed.version, data)
    snapshot = _snapshot(live, meta, signers, now)
    pointer = live.timestamp.snapshot_meta if live.timestamp else MetaFile(1)
    if snapshot is not None:
        pointer = _meta(int(snapshot[0].split("/")[1].split(".")[0]), snapshot[1])
    version = _free_version(live, "timestamp", live.timestamp.version if live.timestamp else 0)
    issued = {ISSUED_FIELD: f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    signed = Timestamp(
        version, expires=_expiry("timestamp", now), snapshot_meta=pointer, unrecognized_fields=issued
    )
    return Sealed(snapshot, version, _signed(Metadata(signed), signers["timestamp"]))


def _snapshot(
    live: Live, meta: dict[str, MetaFile], signers: Signers, now: datetime
) -> tuple[str, bytes] | None:
    if live.snapshot is not None and live.snapshot.meta == meta and not _due(live.snapshot, now):
        return None
    version = _free_version(live, "snapshot", live.snapshot.version if live.snapshot else 0)
    signed = Snapshot(version, expires=_expiry("snapshot", now), meta=dict(sorted(meta.items())))
    return f"metadata/{version}.snapshot.json", _signed(Metadata(signed), signers["snapshot"])


def _due(snapshot: Snapshot, now: datetime) -> bool:
    return snapshot.expires - now < lifetime("snapshot") / 2


def _free_version(live: Live, role: str, version: int) -> int:
    version += 1
    while live.store.has(f"metadata/{version}.{role}.json"):
        version += 1  # a publisher that was killed left this name behind
    return version


def _meta(version: int, data: bytes) -> MetaFile:
    return MetaFile(version, len(data), {"sha256": sha256(data).hexdigest()})


def _signed(metadata: Metadata[Any], signers: Sequence[Signer]) -> bytes:
    with translated(metadata.signed.type):
        for signer in signers:
            metadata.sign(signer, append=True)
    return metadata.to_bytes()


def _expiry(role: str, now: datetime) -> datetime:
    return (now + lifetime(role)).replace(microsecond=0)
