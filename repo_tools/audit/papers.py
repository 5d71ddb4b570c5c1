"""One published file of metadata: read once, in canonical form once, and typed.

The structs hold what an audit asks for; fields that they do not name are still part of what was signed,
because the canonical form (OLPC canonical JSON, TUF specification 4.2.1) is that of everything that came.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, NoReturn

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType
from securesystemslib.exceptions import FormatError

from metadata.errors import MalformedError
from repo_tools.keys.folder import NAME_FIELD, OWNER_FIELD
from repo_tools.keys.identity import identity
from repo_tools.signed.canonical import canonical
from repo_tools.signed.views import (
    EXPIRY_FIELD,
    ISSUED_FIELD,
    PASSED_FIELD,
    RETIRED_FIELD,
    REVOKED_FIELD,
    SEQ_FIELD,
    Delegation,
    Entry,
    KeyInfo,
    View,
)

ROLE = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*){0,2}")
"""The names that roles have here; others are never asked for, because a name becomes a path."""
Number = Annotated[int, Meta(ge=1)]


class Part(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Base of what stands in metadata."""


class SignedKey(Part, frozen=True):
    """A public key, with the name that its owner goes by."""

    keytype: str
    scheme: str
    keyval: dict[str, Any]
    name: str = msgspec.field(name=NAME_FIELD, default="")
    owner: str = msgspec.field(name=OWNER_FIELD, default="")


class Role(Part, frozen=True):
    """Who may sign, and how many must."""

    keyids: list[str]
    threshold: Number
    name: str = ""
    paths: list[str] = []
    terminating: bool = False
    lifetime_s: int | None = msgspec.field(name=EXPIRY_FIELD, default=None)
    path_hash_prefixes: list[str] | None = None


class Digests(Part, frozen=True):
    """The digests of a file; only one of them counts."""

    sha256: str | None = None


class Listed(Part, frozen=True):
    """A file that a timestamp or a snapshot names."""

    version: Number
    length: int | None = None
    hashes: Digests = Digests()

    @property
    def sha256(self) -> str | None:
        """The digest that counts."""
        return self.hashes.sha256


class File(Part, frozen=True):
    """A target file."""

    length: int
    hashes: Digests
    custom: Raw | UnsetType = UNSET
    """As it came: the same order stands on every route of a wave, and few ask for it."""


class Delegations(Part, frozen=True):
    """To whom a targets role delegates, in the order in which clients search."""

    keys: dict[str, SignedKey] = {}
    roles: list[Role] = []


class Signed(msgspec.Struct, frozen=True, kw_only=True, tag_field="_type", omit_defaults=True):
    """Base of the four kinds of metadata."""

    version: Number
    expires: Annotated[datetime, Meta(tz=True)]
    spec_version: str = ""
    revoked: dict[str, str] = msgspec.field(name=REVOKED_FIELD, default_factory=dict)


class Root(Signed, frozen=True, kw_only=True, tag="root"):
    """The keys of the top-level roles."""

    keys: dict[str, SignedKey]
    roles: dict[str, Role]
    consistent_snapshot: bool | None = None


class Timestamp(Signed, frozen=True, kw_only=True, tag="timestamp"):
    """Which snapshot is the newest, since when."""

    meta: dict[str, Listed]
    issued: Annotated[datetime, Meta(tz=True)] | None = msgspec.field(name=ISSUED_FIELD, default=None)
    passed: list[Number] = msgspec.field(name=PASSED_FIELD, default_factory=list)


class Snapshot(Signed, frozen=True, kw_only=True, tag="snapshot"):
    """Which version of each role belongs to one publication."""

    meta: dict[str, Listed]


class Targets(Signed, frozen=True, kw_only=True, tag="targets"):
    """Target files, and who else may speak for some."""

    targets: dict[str, File]
    delegations: Delegations | None = None
    highest_seq: int = msgspec.field(name=SEQ_FIELD, default=0)
    retired: dict[str, str] = msgspec.field(name=RETIRED_FIELD, default_factory=dict)


Body = Root | Timestamp | Snapshot | Targets


class Signature(Part, frozen=True):
    """One signature."""

    keyid: str
    sig: Any


class Envelope(Part, frozen=True):
    """A whole file: what was signed is kept as it came."""

    signed: Raw
    signatures: list[Signature]


class Paper(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A file of metadata, as the store has it."""

    role: str
    number: int
    """The version in its name."""
    sha256: str
    length: int
    body: Body
    payload: bytes
    """What was signed."""
    signatures: Mapping[str, str]
    """By key id; nothing about them is verified yet."""

    @property
    def name(self) -> str:
        """Where it lies in the store."""
        return stored_as(self.role, self.number)

    @property
    def text(self) -> str:
        """What people call it."""
        return f"{self.role} {self.number}"

    def trusted(self, role: str) -> tuple[Role, Mapping[str, SignedKey]] | None:
        """Return who may sign for a role by what stands here, or None."""
        if isinstance(self.body, Root):
            found = self.body.roles.get(role)
            return (found, self.body.keys) if found else None
        if not isinstance(self.body, Targets) or self.body.delegations is None:
            return None
        below = self.body.delegations
        return next(((one, below.keys) for one in below.roles if one.name == role), None)

    def lists(self) -> bool:
        """Return whether any target file stands here."""
        return isinstance(self.body, Targets) and bool(self.body.targets)

    def view(self) -> View:
        """Return what a root or a targets role says, as the publishing side's words and rules have it."""
        body = self.body
        if isinstance(body, Root):
            terms = {
                name: msgspec.structs.replace(role, terminating=True) for name, role in body.roles.items()
            }
            below = {name: _delegation(name, role, body.keys) for name, role in terms.items()}
            return View(self.role, body.version, body.expires, {}, below, 0, body.revoked, {}, self._other())
        if not isinstance(body, Targets):
            return View(self.role, body.version, body.expires)
        entries = {path: entry(path, file) for path, file in body.targets.items()}
        found = body.delegations or Delegations()
        below = {role.name: _delegation(role.name, role, found.keys) for role in found.roles}
        seq, revoked, retired, other = body.highest_seq, body.revoked, body.retired, self._other()
        return View(self.role, body.version, body.expires, entries, below, seq, revoked, retired, other)

    def _other(self) -> dict[str, Any]:
        """Return what stands beside the fields that have a name in views."""
        raw = _RAW.decode(_CONTROL.sub(lambda found: b"\\u%04x" % found[0][0], self.payload))
        found = {name: _VALUES.decode(text) for name, text in raw.items() if name not in _NAMED}
        if isinstance(self.body, Targets) and b'"succinct_roles"' in bytes(raw.get("delegations", b"")):
            found["succinct_roles"] = _VALUES.decode(raw["delegations"]).get("succinct_roles")
        return found


def stored_as(role: str, version: int) -> str:
    """Return where a version of a role lies in a store."""
    return f"metadata/{version}.{role}.json"


def read(role: str, number: int, data: bytes) -> Paper:
    """Return what a file holds; nothing about it is verified.

    Raises:
        MalformedError: It is not metadata of this role.
    """
    try:
        outer = _ENVELOPES.decode(data)
        by_key = {one.keyid: str(one.sig) for one in outer.signatures}
        body = _BODIES.decode(outer.signed)
        came = bytes(outer.signed)
        payload = came if _is_canonical(came, body) else canonical(_VALUES.decode(came))
    except (TypeError, ValueError, RecursionError, FormatError) as error:
        raise MalformedError(f"{role} {number} cannot be read: {error}") from error
    if type(body) is not _KINDS.get(role, Targets):
        raise MalformedError(f"{role} {number} holds other metadata than a {role}'s")
    if len(by_key) != len(outer.signatures):
        raise MalformedError(f"{role} {number} has two signatures of one key")
    return Paper(role, number, sha256(data).hexdigest(), len(data), body, payload, by_key)


def _is_canonical(data: bytes, body: Body) -> bool:
    r"""Return whether ``data``, of which ``body`` was read, is surely its own canonical form.

    Sorted JSON of any value is, unless it escapes something: it is enough that some value gives these bytes.
    What ``body`` keeps as it came is looked at by itself, once where it stands on many routes.
    """
    if b"\\" in data or _SORTED.encode(body) != data:
        return False
    if not isinstance(body, Targets):
        return True
    kept = {bytes(file.custom) for file in body.targets.values() if file.custom is not UNSET}
    return all(_SORTED.encode(_VALUES.decode(one)) == one for one in kept)


def key_info(keyid: str, key: SignedKey) -> KeyInfo:
    """Return a key as people see it; a key without a name shows the start of its id."""
    name = key.name or keyid[:12]
    public = json.dumps(key.keyval, sort_keys=True)
    return KeyInfo(keyid, name, key.keytype, key.scheme, key.owner, identity(key.keyval), public)


def entry(path: str, file: File) -> Entry:
    """Return a target file; without a SHA-256 it has an empty one, which nothing matches."""
    custom = None if file.custom is UNSET else _VALUES.decode(file.custom)
    return Entry(path, file.length, file.hashes.sha256 or "", custom)


def _delegation(name: str, role: Role, keys: Mapping[str, SignedKey]) -> Delegation:
    infos = tuple(key_info(keyid, keys[keyid]) for keyid in role.keyids if keyid in keys)
    prefixes = role.path_hash_prefixes
    other = {} if prefixes is None else {"path_hash_prefixes": prefixes}
    paths = tuple(role.paths)
    return Delegation(name, infos, role.threshold, paths, role.terminating, role.lifetime_s, other)


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is not an integer")


_ENVELOPES = msgspec.json.Decoder(Envelope)
_BODIES = msgspec.json.Decoder(Body, float_hook=_no_float)
_VALUES = msgspec.json.Decoder(float_hook=_no_float)
_SORTED = msgspec.json.Encoder(order="sorted")
_CONTROL = re.compile(rb"[\x00-\x1f]")
"""What stands inside of strings in canonical JSON, such as a PEM's line breaks, and is escaped in JSON."""
_RAW = msgspec.json.Decoder(dict[str, Raw])
_NAMED = frozenset(
    {"_type", "version", "expires", "targets", "delegations", "keys", "roles"}
    | {SEQ_FIELD, RETIRED_FIELD, REVOKED_FIELD}
)
_KINDS: dict[str, Any] = {"root": Root, "timestamp": Timestamp, "snapshot": Snapshot}
