"""Verify what one agent dropped: who speaks, whether it may, and what is set aside and why. Pure.

Nothing that a report says is believed about anybody but its sender; when it came is what the store says.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import Key

from metadata.envelope import from_text, payload_type
from metadata.errors import TidegateError
from metadata.report import MAX_DETAIL, Report
from metadata.strict import MAX_BYTES
from metadata.token import Token
from repo_tools.collect.records import Aside, Joined, Person, Row

MAX_OBJECT_BYTES = 8 << 20
"""One flush: a hundred reports of at most 64 KiB each, and what base64 adds."""
MOST = 1_000
"""Reports in one object; an agent sends at most a hundred."""
CLOCK_S = 3_600
"""How far a host's clock may be ahead of the store's before its reports are marked."""
_TYPE = payload_type(Report)


@dataclass
class Heard:
    """What one agent dropped."""

    agent: str
    rows: list[Row] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)


@dataclass(frozen=True)
class Gate:
    """Who may join: what ``fleet/enrollment`` says."""

    keys: Mapping[str, Key]
    revoked_tokens: frozenset[str]
    revoked_agents: frozenset[str]


@dataclass(frozen=True)
class Parcel:
    """One object as it was read."""

    name: str
    received: datetime
    data: bytes


class _Signature(msgspec.Struct):
    keyid: str
    sig: str


class _Envelope(msgspec.Struct):
    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: list[_Signature] = []


class _RefusedError(Exception):
    """A report is not counted."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


_envelopes = msgspec.json.Decoder(list[_Envelope] | _Envelope)
_reports = msgspec.json.Decoder(Report)


def hear(agent: str, person: Person | None, parcels: Sequence[Parcel], gate: Gate) -> Heard:
    """Return what an agent's objects hold; they come in the order of their numbers.

    Args:
        agent: Whose folder they lie in.
        person: What the roster knows of it; None for a stranger, who may join with the first report.
        parcels: The objects.
        gate: Who may join.
    """
    ear = _Ear(gate, person, Heard(agent))
    for parcel in parcels:
        ear.listen(parcel)
    return ear.heard


@dataclass
class _Ear:
    """Listens to one agent."""

    gate: Gate
    person: Person | None
    heard: Heard

    def listen(self, parcel: Parcel) -> None:
        """Count what an object holds, or set it aside."""
        try:
            envelopes = _opened(parcel)
        except _RefusedError as refused:
            self._set_aside(parcel, refused)
            return
        for envelope in envelopes:
            try:
                self._take(envelope, parcel.received)
            except _RefusedError as refused:
                self._set_aside(parcel, refused)

    def _set_aside(self, parcel: Parcel, refused: _RefusedError) -> None:
        aside = Aside(
            parcel.name, self.heard.agent, refused.reason, refused.detail[:200], _text(parcel.received)
        )
        self.heard.asides.append(aside)

    def _take(self, envelope: _Envelope, received: datetime) -> None:
        payload, report = _read(envelope)
        if report.agent != self.heard.agent:
            raise _RefusedError("another", f"says that it is {report.agent}")
        if report.agent in self.gate.revoked_agents:
            raise _RefusedError("revoked", "the agent was revoked")
        person = self._known(envelope, payload, report, received)
        if person.token in self.gate.revoked_tokens:
            raise _RefusedError("revoked", f"its token {person.token} was revoked")
        if f"{report.product}/{report.channel}" not in person.channels:
            raise _RefusedError("foreign", f"its token does not name {report.product}/{report.channel}")
        self.heard.rows.append(_row(report, received, payload))

    def _known(self, envelope: _Envelope, payload: bytes, report: Report, received: datetime) -> Person:
        """Return who speaks, which must have signed."""
        if report.stage == "enroll":
            self.person = self._join(envelope, payload, report, received)
        elif self.person is None:
            raise _RefusedError("unknown", "nobody of that id enrolled")
        elif not _signed(envelope, payload, self.person.key):
            raise _RefusedError("forged", "not signed by the agent's key")
        return self.person

    def _join(self, envelope: _Envelope, payload: bytes, report: Report, received: datetime) -> Person:
        key, before = _own_key(report), self.person
        if not _signed(envelope, payload, key):
            raise _RefusedError("forged", "not signed by the key that it brings")
        if before is not None and key != before.key and not _signed(envelope, payload, before.key):
            raise _RefusedError("taken", "the id is another's, whose key has not signed this")
        joined = _joined(report, key, _token(report.token, self.gate, received), received)
        self.heard.joined.append(joined)
        return Person(joined.key, joined.channels, joined.token)


def _opened(parcel: Parcel) -> list[_Envelope]:
    if len(parcel.data) > MAX_OBJECT_BYTES:
        raise _RefusedError("oversized", f"{len(parcel.data):,} bytes")
    try:
        found = _envelopes.decode(parcel.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _RefusedError("malformed", str(error)) from error
    envelopes = found if isinstance(found, list) else [found]
    if len(envelopes) > MOST:
        raise _RefusedError("oversized", f"{len(envelopes):,} reports")
    return envelopes


def _read(envelope: _Envelope) -> tuple[bytes, Report]:
    if envelope.payload_type != _TYPE:
        raise _RefusedError("malformed", f"holds {envelope.payload_type[:100]!r}")
    try:
        payload = b64decode(envelope.payload, validate=True)
        if len(payload) > MAX_BYTES:
            raise _RefusedError("oversized", f"{len(payload):,} bytes")
        return payload, _reports.decode(payload)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise _RefusedError("malformed", str(error)) from error


def _joined(report: Report, key: str, token: Token, received: datetime) -> Joined:
    return Joined(
        agent=report.agent,
        key=key,
        token=token.id,
        uses=token.uses,
        channels=tuple(token.channels),
        ring=token.ring,
        labels=token.labels,
        received=_text(received),
    )


def _own_key(report: Report) -> str:
    try:
        entry: Mapping[str, Any] = report.key or {}
        known = Key.from_dict(
            entry["keyid"], {name: value for name, value in entry.items() if name != "keyid"}
        )
        public = str(known.keyval["public"])
        if known.keytype != "ed25519" or len(bytes.fromhex(public)) != 32:
            raise _RefusedError("malformed", "the agent's key is no Ed25519 key")
    except (KeyError, ValueError, TypeError) as error:
        raise _RefusedError("malformed", f"no key: {error!r}"[:200]) from error
    return public


def _token(text: str, gate: Gate, received: datetime) -> Token:
    try:
        sealed = from_text(text, Token)
        token = sealed.peek(Token)
        sealed.verify(gate.keys, "the token")
    except TidegateError as error:
        raise _RefusedError("token", error.message) from error
    if token.id in gate.revoked_tokens:
        raise _RefusedError("revoked", f"token {token.id} was revoked")
    if received >= token.expires:
        raise _RefusedError("expired", f"token {token.id} had expired")
    return token


def _signed(envelope: _Envelope, payload: bytes, key: str) -> bool:
    """Return whether a signature in an envelope is by this key; the id of a key is only a hint (DSSE)."""
    kind = envelope.payload_type.encode()
    pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    for one in envelope.signatures[:2]:
        try:
            public.verify(b64decode(one.sig, validate=True), pae)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def _row(report: Report, received: datetime, payload: bytes) -> Row:
    late_s = (received - report.at).total_seconds()
    return Row(
        dt=f"{received:%Y-%m-%d}",
        agent=report.agent,
        seq=report.seq,
        at=_text(report.at),
        received=_text(received),
        product=report.product,
        channel=report.channel,
        said_wave=report.wave,
        rollout=report.rollout,
        from_version=report.from_version,
        to_version=report.to_version,
        stage=report.stage,
        outcome=report.outcome,
        reason=report.reason[:100],
        detail=report.detail[:MAX_DETAIL],
        running=report.running,
        labels=msgspec.json.encode(report.labels).decode(),
        decision=msgspec.json.encode(report.decision).decode() if report.decision else None,
        clock="ahead" if late_s < -CLOCK_S else "",
        digest=sha256(payload).hexdigest(),
    )


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
