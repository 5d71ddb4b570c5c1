"""Who signed: signatures verified with securesystemslib, each one once, by the delegator of that time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from securesystemslib.exceptions import Error as SecuresystemslibError
from securesystemslib.signer import Key, Signature

from repo_tools.audit.papers import Paper, Role, SignedKey, key_info
from repo_tools.signed.views import KeyInfo


class Proof(msgspec.Struct, frozen=True, gc=False):
    """What the signatures of one file are worth to one delegator."""

    threshold: int
    named: frozenset[str]
    """Ids of the keys that this delegator names."""
    signed: tuple[KeyInfo, ...]
    """Whose signatures hold."""
    strangers: frozenset[str]
    """Ids of keys that signed it, too, and that this delegator does not name."""

    @property
    def holds(self) -> bool:
        """Whether enough of the keys signed."""
        return len(self.signed) >= self.threshold

    @property
    def people(self) -> frozenset[str]:
        """Whose keys they are."""
        return frozenset(key.person for key in self.signed)


class Trusted(NamedTuple):
    """A key that may sign a role, ready to verify."""

    keyid: str
    key: Key | None
    """None: of an unknown kind, which signs nothing that anybody could verify."""
    info: KeyInfo


@dataclass(frozen=True)
class Judge:
    """What one delegator says about who signs a role."""

    said: bytes
    """What decides about signatures: delegators that agree on it share their proofs."""
    threshold: int
    keyids: frozenset[str]
    keys: tuple[Trusted, ...]


@dataclass
class Proofs:
    """The proofs of one audit; what was verified once is not verified again."""

    _judges: dict[tuple[str, int, str], Judge | None] = field(default_factory=dict)
    _proofs: dict[tuple[str, int, bytes], Proof] = field(default_factory=dict)

    def of(self, paper: Paper, delegator: Paper) -> Proof | None:
        """Return the proof of a file by a delegator; None when that one does not delegate to its role."""
        asked = (delegator.role, delegator.number, paper.role)
        if asked not in self._judges:
            trusted = delegator.trusted(paper.role)
            self._judges[asked] = _judge(*trusted) if trusted else None
        judge = self._judges[asked]
        if judge is None:
            return None
        known = (paper.role, paper.number, judge.said)
        proof = self._proofs.get(known)
        if proof is None:
            proof = self._proofs[known] = _prove(paper, judge)
        return proof


def _judge(role: Role, keys: Mapping[str, SignedKey]) -> Judge:
    said = [role.threshold, [(keyid, keys.get(keyid)) for keyid in role.keyids]]
    known = tuple(_trusted(keyid, keys[keyid]) for keyid in role.keyids if keyid in keys)
    return Judge(msgspec.json.encode(said, order="sorted"), role.threshold, frozenset(role.keyids), known)


def _trusted(keyid: str, found: SignedKey) -> Trusted:
    plain = {"keytype": found.keytype, "scheme": found.scheme, "keyval": dict(found.keyval)}
    try:
        key: Key | None = Key.from_dict(keyid, plain)
    except (KeyError, TypeError, ValueError):
        key = None
    return Trusted(keyid, key, key_info(keyid, found))


def _prove(paper: Paper, judge: Judge) -> Proof:
    signed: dict[str, KeyInfo] = {}
    for keyid, key, info in judge.keys:
        said = paper.signatures.get(keyid)
        if key and said is not None and info.identity not in signed and _verifies(paper, key, said):
            signed[info.identity] = info  # one key under two ids counts once
    strangers = frozenset(paper.signatures.keys() - judge.keyids)
    return Proof(judge.threshold, judge.keyids, tuple(signed.values()), strangers)


def _verifies(paper: Paper, key: Key, signature: str) -> bool:
    try:
        key.verify_signature(Signature(key.keyid, signature), paper.payload)
    except SecuresystemslibError:
        return False
    return True
