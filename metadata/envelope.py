"""Signed documents outside of TUF: DSSE envelopes (https://github.com/secure-systems-lab/dsse).

The payload's type is part of what is signed, so that a key's signature on one kind of document, or on TUF
metadata, is never a signature on another.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Key, Signature, Signer

from metadata.errors import MalformedError, UntrustedError
from metadata.strict import MAX_BYTES, decode, parse, title

D = TypeVar("D", bound=msgspec.Struct)


def payload_type(kind: type[msgspec.Struct]) -> str:
    """Return the DSSE payload type of a document: ``application/vnd.tidegate.<document>+json``."""
    tag = str(kind.__struct_config__.tag)
    return f"application/vnd.{tag.partition('/')[0]}+json"


def pae(kind: str, payload: bytes) -> bytes:
    """Return what a signature of an envelope covers: DSSE's pre-authentication encoding.

    Args:
        kind: The payload's type.
        payload: The document's bytes.
    """
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def seal(document: msgspec.Struct, *signers: Signer) -> bytes:
    """Return a document in an envelope that every signer has signed."""
    envelope = Envelope(msgspec.json.encode(document), payload_type(type(document)), {})
    for signer in signers:
        envelope.sign(signer)
    return msgspec.json.encode(envelope.to_dict())


def public_keys(entries: Iterable[Mapping[str, Any]]) -> dict[str, Key]:
    """Return keys as documents list them, by their ids.

    Raises:
        MalformedError: One of them is no key.
    """
    try:
        found = [
            Key.from_dict(str(one["keyid"]), {k: v for k, v in one.items() if k != "keyid"})
            for one in entries
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedError(f"a public key is malformed: {error!r}") from error
    return {key.keyid: key for key in found}


def public_entry(key: Key) -> dict[str, Any]:
    """Return a public key as documents list it."""
    return {"keyid": key.keyid, **key.to_dict()}


class Sealed(msgspec.Struct, frozen=True):
    """An envelope that was read and not yet believed."""

    envelope: Envelope

    def peek(self, kind: type[D]) -> D:
        """Return the document without a look at its signatures.

        Raises:
            MalformedError: It is not a document of this kind.
        """
        return decode(self.envelope.payload, kind)

    def verify(self, keys: Mapping[str, Key], name: str) -> str:
        """Return the id of a key that signed it.

        Raises:
            UntrustedError: None of ``keys`` did.
        """
        for keyid in self.envelope.signatures.keys() & keys.keys():
            try:
                self.envelope.verify([keys[keyid]], 1)
            except (VerificationError, UnverifiedSignatureError):
                continue
            return keyid
        raise UntrustedError(f"{name} is not signed by a key that may", "ask for a new one")


def unseal(data: bytes, kind: type[msgspec.Struct]) -> Sealed:
    """Return the envelope in ``data``, whose payload claims to be a document of this kind.

    Raises:
        MalformedError: It is no envelope, or one around something else.
    """
    name = title(kind)
    value = parse(data, f"the envelope of a {name}", max_bytes=2 * MAX_BYTES)
    try:
        envelope = _envelope(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedError(f"the envelope of a {name} is malformed: {error!r}") from error
    if envelope.payload_type != payload_type(kind):
        raise MalformedError(f"the envelope holds {envelope.payload_type!r}, not a {name}")
    return Sealed(envelope)


def _envelope(value: Any) -> Envelope:
    signatures: dict[str, Signature] = {}
    for one in value["signatures"]:
        raw = base64.b64decode(one["sig"], validate=True)
        if (
            signatures.setdefault(str(one["keyid"]), Signature(str(one["keyid"]), raw.hex())).signature
            != raw.hex()
        ):
            raise ValueError("two signatures by one key")
    payload = base64.b64decode(value["payload"], validate=True)
    return Envelope(payload, str(value["payloadType"]), signatures)


def to_text(data: bytes) -> str:
    """Return an envelope as it is pasted: unpadded base64url (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str, kind: type[msgspec.Struct]) -> Sealed:
    """Return the envelope in a pasted text; line breaks of a terminal do not matter.

    Raises:
        MalformedError: It is none.
    """
    packed = "".join(text.split())
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"that is no {title(kind)}: {error}", "paste it whole") from error
    return unseal(data, kind)
