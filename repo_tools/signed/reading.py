"""From the library's objects to views, and from bytes to the library's objects."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Metadata, Role, Root, Snapshot, TargetFile, Targets, Timestamp

from metadata.errors import MalformedError
from repo_tools.keys.folder import NAME_FIELD, OWNER_FIELD, KeyFile
from repo_tools.keys.identity import identity
from repo_tools.signed.trouble import translated
from repo_tools.signed.views import (
    EXPIRY_FIELD,
    ISSUED_FIELD,
    RETIRED_FIELD,
    REVOKED_FIELD,
    SEQ_FIELD,
    Delegation,
    Entry,
    KeyInfo,
    View,
)

T = TypeVar("T", Root, Snapshot, Targets, Timestamp)


def load(data: bytes, kind: type[T], what: str, hint: str = "") -> Metadata[T]:
    """Return parsed metadata; nothing about it is verified.

    Raises:
        MalformedError: It is not metadata of this kind.
    """
    with translated(what, hint):
        parsed: Metadata[T] = Metadata.from_bytes(data)
    if not isinstance(parsed.signed, kind):
        text = f"{what} holds {parsed.signed.type} metadata, not {kind.__name__.lower()}"
        raise MalformedError(text, hint)
    return parsed


def refuse_other_than_root(data: bytes, what: str, hint: str) -> None:
    """Refuse a file that was named as a root and is none.

    Raises:
        MalformedError: It says which file, and what it holds.
    """
    load(data, Root, what, hint)


def view(role: str, signed: Root | Targets) -> View:
    """Return what a role says."""
    if isinstance(signed, Root):
        delegations = {name: _delegation(name, found, signed.keys) for name, found in signed.roles.items()}
        return View(
            role,
            signed.version,
            signed.expires,
            delegations=delegations,
            revoked=revoked(signed),
            other=_other(signed),
        )
    return View(
        role,
        signed.version,
        signed.expires,
        {path: _entry(path, found) for path, found in signed.targets.items()},
        _delegations(signed),
        _number(signed, SEQ_FIELD),
        revoked(signed),
        _texts(signed, RETIRED_FIELD),
        _other(signed),
    )


def load_view(role: str, data: bytes) -> View:
    """Return what a role's bytes say; nothing about them is verified."""
    parsed = load(data, Root, role) if role == "root" else load(data, Targets, role)
    return view(role, parsed.signed)


def timestamp_version(data: bytes) -> int:
    """Return the version that a timestamp's bytes say; nothing about them is verified."""
    return load(data, Timestamp, "timestamp").signed.version


def issued(signed: Timestamp) -> datetime | None:
    """Return when a timestamp was signed, in UTC, as it says; None where it does not say.

    Raises:
        MalformedError: What it says is no time.
    """
    said = signed.unrecognized_fields.get(ISSUED_FIELD)
    if said is None:
        return None
    try:
        found = datetime.fromisoformat(said)
        in_utc = found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedError(f"{ISSUED_FIELD} is no time: {said!r}") from error
    if found.tzinfo is None:
        raise MalformedError(f"{ISSUED_FIELD} names no zone: {said!r}")
    return in_utc


def revoked(signed: Root | Targets) -> dict[str, str]:
    """Return the names of the keys that a role calls stolen, by key id."""
    return _texts(signed, REVOKED_FIELD)


def _number(signed: Targets, name: str) -> int:
    found = signed.unrecognized_fields.get(name, 0)
    if not isinstance(found, int):
        raise MalformedError(f"{name} is no number")
    return found


def _texts(signed: Root | Targets, name: str) -> dict[str, str]:
    found = signed.unrecognized_fields.get(name, {})
    if not isinstance(found, dict):
        raise MalformedError(f"{name} is no table")
    return {str(key): str(text) for key, text in found.items()}


def key_info(key: Key) -> KeyInfo:
    """Return a key as people see it; a key without a name shows the start of its id."""
    name = str(key.unrecognized_fields.get(NAME_FIELD) or key.keyid[:12])
    owner = str(key.unrecognized_fields.get(OWNER_FIELD) or "")
    public = json.dumps(key.keyval, sort_keys=True)
    return KeyInfo(key.keyid, name, key.keytype, key.scheme, owner, identity(key.keyval), public)


def key_file(info: KeyInfo) -> KeyFile:
    """Return a key that is seen in metadata as a key folder has it; its private part is not at hand."""
    public = {"keytype": info.keytype, "scheme": info.scheme, "keyval": json.loads(info.public)}
    return KeyFile(name=info.name, keyid=info.keyid, uri="", public=public, owner=info.owner)


def _other(signed: Root | Targets) -> dict[str, Any]:
    """Return what stands beside the fields that have a name in views."""
    named = (SEQ_FIELD, RETIRED_FIELD, REVOKED_FIELD)
    found = {name: text for name, text in signed.unrecognized_fields.items() if name not in named}
    found["spec_version"] = signed.spec_version
    if isinstance(signed, Root):
        found["consistent_snapshot"] = signed.consistent_snapshot
    elif signed.delegations and signed.delegations.succinct_roles:
        found["succinct_roles"] = signed.delegations.succinct_roles.to_dict()
    return found


def _entry(path: str, found: TargetFile) -> Entry:
    digest = found.hashes.get("sha256")
    if digest is None:
        raise MalformedError(f"target {path} has no SHA-256")
    return Entry(path, found.length, digest, found.custom)


def _delegations(signed: Targets) -> dict[str, Delegation]:
    if signed.delegations is None or signed.delegations.roles is None:
        return {}
    keys = signed.delegations.keys
    return {name: _delegation(name, found, keys) for name, found in signed.delegations.roles.items()}


def _delegation(name: str, role: Role, keys: Mapping[str, Key]) -> Delegation:
    infos = tuple(key_info(keys[keyid]) for keyid in role.keyids if keyid in keys)
    if isinstance(role, DelegatedRole):
        other = dict(role.unrecognized_fields)
        if role.path_hash_prefixes is not None:
            other["path_hash_prefixes"] = role.path_hash_prefixes
        paths = tuple(role.paths or ())
        return Delegation(name, infos, role.threshold, paths, role.terminating, other=other)
    other = {key: found for key, found in role.unrecognized_fields.items() if key != EXPIRY_FIELD}
    lifetime_s = role.unrecognized_fields.get(EXPIRY_FIELD)
    return Delegation(
        name,
        infos,
        role.threshold,
        lifetime_s=lifetime_s if isinstance(lifetime_s, int) else None,
        other=other,
    )
