"""Who signed: signatures verified with securesystemslib, each one once, by the delegator of that time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from securesystemslib.exceptions import Error as SecuresystemslibError
from securesystemslib.signer import Key, Signature

from repo_tools.audit.papers import Paper, Role, SignedKey, key_info
from repo_tools.signed.views import KeyInfo


@dataclass(frozen=True)
class Proof:
    """What the signatures of one file are worth to one delegator."""

    threshold: int
    signed: tuple[KeyInfo, ...]
    """Whose signatures hold."""
    strangers: frozenset[str]
    """Ids of keys that signed it, too, and that this delegator does not name."""

    @property
    def holds(self) -> bool:
        """Whether enough of the keys signed."""
        return len(self.signed) >= self.threshold


@dataclass
class Proofs:
    """The proofs of one audit; what was verified once is not verified again."""

    _keys: dict[tuple[str, bytes], Key | None] = field(default_factory=dict)
    _trusted: dict[tuple[str, int, str], tuple[bytes, Role, Mapping[str, SignedKey]] | None] = field(
        default_factory=dict
    )
    _proofs: dict[tuple[str, int, bytes], Proof] = field(default_factory=dict)

    def of(self, paper: Paper, delegator: Paper) -> Proof | None:
        """Return the proof of a file by a delegator; None when that one does not delegate to its role."""
        asked = (delegator.role, delegator.number, paper.role)
        if asked not in self._trusted:
            self._trusted[asked] = _fingerprint(delegator, paper.role)
        trusted = self._trusted[asked]
        if trusted is None:
            return None
        print_, role, keys = trusted
        known = (paper.role, paper.number, print_)
        if known not in self._proofs:
            self._proofs[known] = self._prove(paper, role, keys)
        return self._proofs[known]

    def _prove(self, paper: Paper, role: Role, keys: Mapping[str, SignedKey]) -> Proof:
        signed: dict[bytes, KeyInfo] = {}
        for keyid in role.keyids:
            if keyid not in keys or keyid not in paper.signatures:
                continue
            material = _material(keys[keyid])
            if material not in signed and self._verifies(paper, keyid, keys[keyid], material):
                signed[material] = key_info(keyid, keys[keyid])  # one key under two ids counts once
        strangers = frozenset(paper.signatures.keys() - set(role.keyids))
        return Proof(role.threshold, tuple(signed.values()), strangers)

    def _verifies(self, paper: Paper, keyid: str, found: SignedKey, material: bytes) -> bool:
        key = self._key(keyid, found, material)
        if key is None:
            return False
        try:
            key.verify_signature(Signature(keyid, paper.signatures[keyid]), paper.payload)
        except SecuresystemslibError:
            return False
        return True

    def _key(self, keyid: str, found: SignedKey, material: bytes) -> Key | None:
        known = (keyid, material)
        if known not in self._keys:
            try:
                plain = {"keytype": found.keytype, "scheme": found.scheme, "keyval": dict(found.keyval)}
                self._keys[known] = Key.from_dict(keyid, plain)
            except (KeyError, TypeError, ValueError):
                self._keys[known] = None  # an unknown kind of key signs nothing that anybody could verify
        return self._keys[known]


def _fingerprint(delegator: Paper, role: str) -> tuple[bytes, Role, Mapping[str, SignedKey]] | None:
    """Return what decides about signatures: delegators that agree on it share their proofs."""
    trusted = delegator.trusted(role)
    if trusted is None:
        return None
    found, keys = trusted
    said = [found.threshold, [(keyid, keys.get(keyid)) for keyid in found.keyids]]
    return msgspec.json.encode(said, order="sorted"), found, keys


def _material(key: SignedKey) -> bytes:
    """Return what makes a key the same key, whatever it is called."""
    return msgspec.json.encode([key.keytype, key.scheme, key.keyval], order="sorted")
