"""Open what was dropped: envelopes, the reports in them, and who signed. Pure; it believes nobody."""

from base64 import b64decode
from datetime import datetime
from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from metadata.envelope import pae, payload_type
from metadata.fields import MAX_INTEGER
from metadata.report import Report
from metadata.strict import MAX_BYTES

MAX_OBJECT_BYTES = 8 << 20
"""One flush: a hundred reports of at most 64 KiB each, and what base64 adds."""
MOST = 1_000
"""Reports in one object; an agent sends at most a hundred."""
_TYPE = payload_type(Report)


class Parcel(msgspec.Struct, frozen=True):
    """One object as it was read."""

    name: str
    day: str
    """The day's folder that it lay in."""
    received: datetime
    data: bytes


class Signature(msgspec.Struct):
    """A signature that nobody checked yet."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct):
    """A DSSE envelope that nobody believes yet."""

    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: list[Signature] = []


class RefusedError(Exception):
    """A report, or an object, is not counted."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


_envelopes = msgspec.json.Decoder(list[Envelope] | Envelope)
_reports = msgspec.json.Decoder(Report)


def opened(parcel: Parcel) -> list[Envelope]:
    """Return the envelopes in an object.

    Raises:
        RefusedError: It holds none, or too many.
    """
    if len(parcel.data) > MAX_OBJECT_BYTES:
        raise RefusedError("oversized", f"{len(parcel.data):,} bytes")
    try:
        found = _envelopes.decode(parcel.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError("malformed", str(error)) from error
    envelopes = found if isinstance(found, list) else [found]
    if len(envelopes) > MOST:
        raise RefusedError("oversized", f"{len(envelopes):,} reports")
    return envelopes


def read(envelope: Envelope) -> tuple[bytes, Report]:
    """Return the report in an envelope, and its bytes.

    Raises:
        RefusedError: There is none.
    """
    if envelope.payload_type != _TYPE:
        raise RefusedError("malformed", f"holds {envelope.payload_type[:100]!r}")
    try:
        payload = b64decode(envelope.payload, validate=True)
        if len(payload) > MAX_BYTES:
            raise RefusedError("oversized", f"{len(payload):,} bytes")
        report = _reports.decode(payload)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError("malformed", str(error)) from error
    if report.seq > MAX_INTEGER:
        raise RefusedError("malformed", "its number is larger than integers in JSON are")
    return payload, report


def signed(envelope: Envelope, payload: bytes, key: str) -> bool:
    """Return whether a signature in an envelope is by this key; the id of a key is only a hint (DSSE)."""
    covered = pae(envelope.payload_type, payload)
    public = _public(key)
    for one in envelope.signatures[:2]:
        try:
            public.verify(b64decode(one.sig, validate=True), covered)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


@lru_cache(1_024)
def _public(key: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
