"""Who may join: enrolments, and the tokens that allow them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

import msgspec
from securesystemslib.signer import Key

from metadata.documents import Enrollment
from metadata.envelope import from_text, public_keys
from metadata.errors import TidegateError
from metadata.report import Report
from metadata.token import Token
from repo_tools.collect.envelopes import RefusedError


@dataclass(frozen=True)
class Gate:
    """Who may join: what ``fleet/enrollment`` says."""

    document: bytes
    """As JSON, since it travels between processes."""

    @cached_property
    def digest(self) -> str:
        """Another one when the document is."""
        return sha256(self.document).hexdigest()

    @cached_property
    def keys(self) -> dict[str, Key]:
        """Keys that sign tokens, by id."""
        return public_keys(self._said.keys)

    @cached_property
    def revoked_tokens(self) -> frozenset[str]:
        """Ids of tokens that ended."""
        return frozenset(self._said.revoked_tokens)

    @cached_property
    def revoked_agents(self) -> frozenset[str]:
        """Agents that count no more."""
        return frozenset(self._said.revoked_agents)

    @cached_property
    def _said(self) -> Enrollment:
        return msgspec.json.decode(self.document, type=Enrollment)

    def token(self, text: str, received: datetime) -> Token:
        """Return a token that allowed joining when it came.

        Raises:
            RefusedError: It did not.
        """
        token = _verified(self, text)
        if token.id in self.revoked_tokens:
            raise RefusedError("revoked", f"token {token.id} was revoked")
        if received >= token.expires:
            raise RefusedError("expired", f"token {token.id} had expired")
        return token


def gate_of(document: Enrollment) -> Gate:
    """Return who may join, as the enrollment document says."""
    return Gate(msgspec.json.encode(document))


@lru_cache(64)
def _verified(gate: Gate, text: str) -> Token:
    """Return a token that is signed by who may; thousands of hosts bring the same one."""
    try:
        sealed = from_text(text, Token)
        token = sealed.peek(Token)
        sealed.verify(gate.keys, "the token")
    except TidegateError as error:
        raise RefusedError("token", error.message) from error
    return token


def own_key(report: Report) -> str:
    """Return the public key that an enrolment brings, in hex.

    Raises:
        RefusedError: It brings none.
    """
    try:
        entry: Mapping[str, Any] = report.key or {}
        known = Key.from_dict(
            entry["keyid"], {name: value for name, value in entry.items() if name != "keyid"}
        )
        public = str(known.keyval["public"])
        if known.keytype != "ed25519" or len(bytes.fromhex(public)) != 32:
            raise RefusedError("malformed", "the agent's key is no Ed25519 key")
    except (KeyError, ValueError, TypeError) as error:
        raise RefusedError("malformed", f"no key: {error!r}"[:200]) from error
    return public
