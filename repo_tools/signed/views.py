"""What signed metadata says, as frozen values: for rules, tables and decisions."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SEQ_FIELD = "x-tidegate-seq"
"""In a releases role: the highest ``seq`` ever given, also to releases that are gone."""
RETIRED_FIELD = "x-tidegate-retired"
"""In a releases role: the digests of documents that were live once, by version; no other may follow them."""
ISSUED_FIELD = "x-tidegate-issued"
"""In the timestamp: when it was signed."""
PASSED_FIELD = "x-tidegate-passed"
"""In the timestamp: versions before it that lay in the store when it was signed, and were never public."""
EXPIRY_FIELD = "x-tidegate-expiry-s"
"""In root, beside the keys of an online role: how long its signatures may last, in seconds."""
REVOKED_FIELD = "x-tidegate-revoked"
"""In a role that delegates: keys, by id, that were stolen and may never sign again, with their names."""


@dataclass(frozen=True)
class Entry:
    """One target file."""

    path: str
    length: int
    sha256: str
    custom: Any = None

    @property
    def stored_as(self) -> str:
        """The hash-prefixed name below ``targets/``."""
        folder, name = posixpath.split(self.path)
        return posixpath.join(folder, f"{self.sha256}.{name}")


@dataclass(frozen=True)
class KeyInfo:
    """A public key, as people and rules see it."""

    keyid: str
    name: str
    keytype: str
    scheme: str
    owner: str = ""
    """The person, where the key's name does not say it."""
    identity: str = ""
    """What makes it the same key, whatever id it goes by."""
    public: str = "null"
    """The public part itself, as JSON."""

    @property
    def person(self) -> str:
        """Whose key it is."""
        return self.owner or self.name


@dataclass(frozen=True)
class Delegation:
    """Who may sign for a role, and for which paths."""

    role: str
    keys: tuple[KeyInfo, ...]
    threshold: int
    paths: tuple[str, ...] = ()
    terminating: bool = True
    lifetime_s: int | None = None
    """How long signatures of an online role may last, when root says so."""
    other: Mapping[str, Any] = field(default_factory=dict)
    """What else is signed here; nobody reads it, and whoever signs is told of it."""


@dataclass(frozen=True)
class View:
    """One role's signed content."""

    role: str
    version: int
    expires_at: datetime
    entries: Mapping[str, Entry] = field(default_factory=dict)
    delegations: Mapping[str, Delegation] = field(default_factory=dict)
    """In their order; for root, those of the four top-level roles."""
    highest_seq: int = 0
    revoked: Mapping[str, str] = field(default_factory=dict)
    """Names of stolen keys, by key id."""
    retired: Mapping[str, str] = field(default_factory=dict)
    """In a releases role: digests of documents that are no longer listed, by version."""
    other: Mapping[str, Any] = field(default_factory=dict)
    """What else is signed here; nobody reads it, and whoever signs is told of it."""


@dataclass(frozen=True)
class Signing:
    """Who has signed a role, and who may still."""

    role: str
    version: int
    threshold: int
    signed: tuple[KeyInfo, ...]
    unsigned: tuple[KeyInfo, ...]
    keys_of: int = 0
    """For root, which is signed with two sets of keys: the version that names them."""

    @property
    def what(self) -> str:
        """The role, and with whose keys where that is not all of it."""
        return f"{self.role}, keys of version {self.keys_of}" if self.keys_of else self.role

    @property
    def missing(self) -> int:
        """How many more signatures are needed."""
        return max(0, self.threshold - len(self.signed))
