"""Verify what one agent dropped: who speaks, whether it may, and what is set aside and why. Pure.

Nothing that a report says is believed about anybody but its sender; when it came is what the store says.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

import msgspec

from metadata.fields import time_text
from metadata.report import MAX_DETAIL, Report
from metadata.token import Token
from repo_tools.collect.box import LOOK_BACK
from repo_tools.collect.envelopes import Envelope, Parcel, RefusedError, opened, read, signed
from repo_tools.collect.joining import Gate, own_key
from repo_tools.collect.records import Aside, Joined, Person, Row

CLOCK_S = 3_600
"""How far a host's clock may be ahead of the store's before its reports are marked."""
MOST_A_DAY = 10_000
"""Reports of one agent that count on one day; an outbox holds 2,000."""


class Heard(msgspec.Struct):
    """What one agent dropped."""

    agent: str
    lines: list[bytes] = []
    """Rows as JSON: thousands of structs would take longer to travel than to verify."""
    first: str = ""
    """When the first of them came, as reports write times."""
    channels: set[str] = set()
    """What they are about, each as ``product/channel``."""
    asides: list[Aside] = []
    joined: list[Joined] = []
    counted: dict[str, int] = {}
    """How many of its reports count by now, by the day on which they came."""


class Work(msgspec.Struct):
    """What one agent dropped, and what is known of it."""

    agent: str
    """Whose folder it lies in."""
    person: Person | None
    """As the roster has it; None for a stranger, who may join with the first report."""
    parcels: Sequence[Parcel]
    """In the order in which they were filed."""
    counted: Mapping[str, int]
    """How many of its reports count already, by the day on which they came."""


def hear_all(gate: Gate, work: Sequence[Work]) -> list[Heard]:
    """Return what the objects of several agents hold."""
    return [hear(gate, one) for one in work]


def hear(gate: Gate, work: Work) -> Heard:
    """Return what an agent's objects hold.

    Args:
        gate: Who may join.
        work: What it dropped.
    """
    ear = _Ear(gate, work.person, Heard(work.agent), Counter(work.counted))
    for parcel in work.parcels:
        ear.listen(parcel)
    ear.heard.counted = dict(ear.counted)
    return ear.heard


@dataclass
class _Ear:
    """Listens to one agent."""

    gate: Gate
    person: Person | None
    heard: Heard
    counted: Counter[str]
    digests: set[bytes] = field(default_factory=set)

    def listen(self, parcel: Parcel) -> None:
        """Count what an object holds, or set it aside."""
        refused: dict[str, Aside] = {}
        try:
            envelopes = opened(parcel)
        except RefusedError as error:
            envelopes = []
            self._refuse(refused, parcel, error)
        for envelope in envelopes:
            try:
                self._take(envelope, parcel)
            except RefusedError as error:
                self._refuse(refused, parcel, error)
        self.heard.asides += refused.values()

    def _refuse(self, refused: dict[str, Aside], parcel: Parcel, error: RefusedError) -> None:
        """Note a refusal; those of one object for the same reason stand on one line."""
        known = refused.get(error.reason)
        knew = self.gate.digest if error.reason == "token" else self.person.key if self.person else ""
        refused[error.reason] = Aside(
            name=parcel.name,
            agent=self.heard.agent,
            reason=error.reason,
            detail=known.detail if known else error.detail[:200],
            received=time_text(parcel.received),
            number=known.number + 1 if known else 1,
            knew=known.knew if known else knew,
        )

    def _take(self, envelope: Envelope, parcel: Parcel) -> None:
        day = f"{parcel.received:%Y-%m-%d}"
        if self.counted[day] >= MOST_A_DAY:
            raise RefusedError("flood", f"more than {MOST_A_DAY:,} reports on one day")
        payload, report = read(envelope)
        if report.agent != self.heard.agent:
            raise RefusedError("another", f"says that it is {report.agent}")
        if report.agent in self.gate.revoked_agents:
            raise RefusedError("revoked", "the agent was revoked")
        person = self._known(envelope, payload, report, parcel.received)
        if person.token in self.gate.revoked_tokens:
            raise RefusedError("revoked", f"its token {person.token} was revoked")
        channel = f"{report.product}/{report.channel}"
        if channel not in person.channels:
            raise RefusedError("foreign", f"its token does not name {channel}")
        digest = sha256(payload).digest()
        if digest not in self.digests:  # sent twice, it counts once
            self.digests.add(digest)
            self.counted[day] += 1
        came = time_text(parcel.received)
        self.heard.first = min(self.heard.first or came, came)
        self.heard.channels.add(channel)
        self.heard.lines.append(msgspec.json.encode(_row(report, parcel, digest)))

    def _known(self, envelope: Envelope, payload: bytes, report: Report, received: datetime) -> Person:
        """Return who speaks, which must have signed."""
        if report.stage == "enroll":
            self.person = self._join(envelope, payload, report, received)
        elif self.person is None:
            raise RefusedError("unknown", "nobody of that id enrolled")
        elif not signed(envelope, payload, self.person.key):
            raise RefusedError("forged", "not signed by the agent's key")
        return self.person

    def _join(self, envelope: Envelope, payload: bytes, report: Report, received: datetime) -> Person:
        key, before = own_key(report), self.person
        if not signed(envelope, payload, key):
            raise RefusedError("forged", "not signed by the key that it brings")
        if before is not None and key != before.key and not signed(envelope, payload, before.key):
            raise RefusedError("taken", "the id is another's, whose key has not signed this")
        if before is not None and report.seq <= before.seq:
            return before  # sent again, by whomever
        joined = _joined(report, key, self.gate.token(report.token, received), received)
        self.heard.joined.append(joined)
        return Person(joined.key, joined.channels, joined.token, joined.seq)


def _joined(report: Report, key: str, token: Token, received: datetime) -> Joined:
    return Joined(
        agent=report.agent,
        seq=report.seq,
        key=key,
        token=token.id,
        uses=token.uses,
        channels=tuple(token.channels),
        ring=token.ring,
        labels=token.labels,
        cohort_id=report.cohort_id,
        received=time_text(received),
    )


def _row(report: Report, parcel: Parcel, digest: bytes) -> Row:
    beat = report.stage == "heartbeat"
    return Row(
        dt=f"{parcel.received:%Y-%m-%d}",
        agent=report.agent,
        seq=report.seq,
        at=time_text(report.at),
        received=time_text(parcel.received),
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
        running=report.running or _settled(report),
        labels=msgspec.json.encode(report.labels).decode(),
        decision=msgspec.json.encode(report.decision).decode() if report.decision else None,
        clock=_clock(report, parcel),
        digest=digest.hex(),
        machine=report.machine,
        pin=report.pin if beat else None,
        windows=msgspec.json.encode(report.windows).decode() if beat else None,
    )


def _settled(report: Report) -> str | None:
    """Return what an agent runs by how its update ended; earlier agents say it in heartbeats alone."""
    if report.outcome != "ok":
        return None
    ends = {
        "update_healthcheck": report.to_version,
        "soak": report.to_version,
        "update_rollback": report.from_version,
    }
    return ends.get(report.stage)


def _clock(report: Report, parcel: Parcel) -> str:
    """Return how a host's clock is wrong; a report may wait, but it is filed when it is sent."""
    if (report.at - parcel.received).total_seconds() > CLOCK_S:
        return "ahead"
    return "behind" if parcel.day < f"{parcel.received - LOOK_BACK:%Y-%m-%d}" else ""
