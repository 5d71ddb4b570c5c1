"""What happened, from what is published: whoever did it, a person or a job, on whatever machine. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Literal

import msgspec

from metadata.documents import Brake, Order
from repo_tools.audit.evidence import order_of
from repo_tools.audit.history import History, Publication, Step
from repo_tools.audit.papers import Paper
from repo_tools.output import when
from repo_tools.roles import BRAKE, ONLINE, is_wave, lifetime, parent

Kind = Literal[
    "rollout.started",
    "rollout.opened",
    "rollout.held",
    "rollout.halted",
    "rollout.recalled",
    "rollout.finished",
    "role.expiring",
    "hosts.silent",
]
ReadBrake = Callable[[Paper], Brake]
Orders = Mapping[str, Order]
"""What the waves of a channel are ordered to run, by wave."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    kind: Kind
    at: datetime
    subject: str
    """What it happened to; with the kind, it is the same thing however often somebody looks."""
    text: str
    """The same, for people."""

    @property
    def id(self) -> str:
        """What whoever is told twice knows it by."""
        return sha256(f"{self.kind}/{self.subject}".encode()).hexdigest()[:32]


def published(history: History, since: datetime, read_brake: ReadBrake) -> Iterator[Event]:
    """Yield what became public since a time, the oldest first.

    Args:
        history: All that was published.
        since: What was published before is old.
        read_brake: Reads what a brake says.
    """
    for step in history.steps:
        if step.after.at is None or step.after.at < since:
            continue
        for channel in sorted({parent(one.paper.role) for one in step.judged if is_wave(one.paper.role)}):
            before = _orders(step.before, channel)
            yield from _rollouts(channel, before, _orders(step.after, channel), step.after.at)
        yield from _brakes(step, step.after.at, read_brake)


def expiring(history: History, now: datetime) -> Iterator[Event]:
    """Yield an event for each live role of whose life half is over, as what renews them sees it."""
    for paper in history.live.papers() if history.live else ():
        if paper.body.expires - now <= lifetime(paper.role) / 2:
            who = "the job that refreshes is late" if paper.role in ONLINE else "tidegate renew"
            text = f"{paper.role} expires at {when(paper.body.expires)}: {who}"
            yield Event(kind="role.expiring", at=now, subject=paper.text, text=text)


def silent(channel: str, hosts: int, now: datetime) -> Event:
    """Return an event, one a day, for hosts that missed their heartbeats."""
    text = f"{hosts:,} of the hosts of {channel} were not heard of for two days"
    return Event(kind="hosts.silent", at=now, subject=f"{channel}/{now:%Y-%m-%d}", text=text)


def _rollouts(channel: str, before: Orders, after: Orders, at: datetime) -> Iterator[Event]:
    known = {order.rollout for order in before.values()}
    for rollout in sorted({order.rollout for order in after.values()} - known):
        yield _begun(channel, _of(after, rollout), at)
    for wave, order in after.items():
        old = before.get(wave)
        new = old is None or old.rollout != order.rollout
        subject = f"{channel}/{order.rollout}/{wave}"
        if new and order.rollout in known:
            text = f"{order.rollout} opens {wave} of {channel} for {order.version}"
            yield Event(kind="rollout.opened", at=at, subject=subject, text=text)
        if order.state == "hold" and (old is None or new or old.state == "go"):
            text = f"{order.rollout} is paused in {wave} of {channel}{_why(order.reason)}"
            yield Event(kind="rollout.held", at=at, subject=f"{subject}/{at:%Y-%m-%dT%H:%M:%S}", text=text)
    for rollout in sorted(known):
        if _complete(_of(after, rollout)) and not _complete(_of(before, rollout)):
            version = next(iter(_of(after, rollout).values())).version
            text = f"{rollout} is complete: {version} is the base of {channel}"
            yield Event(kind="rollout.finished", at=at, subject=f"{channel}/{rollout}", text=text)


def _begun(channel: str, orders: Orders, at: datetime) -> Event:
    order = next(iter(orders.values()))
    waves, subject = ", ".join(orders), f"{channel}/{order.rollout}"
    if order.recall:
        text = (
            f"{order.rollout} recalls {order.recall.from_versions} to {order.version} in {waves} of {channel}"
        )
        return Event(
            kind="rollout.recalled", at=at, subject=subject, text=f"{text}{_why(order.recall.reason)}"
        )
    text = f"{order.rollout} starts {order.version} in {waves} of {channel}{_why(order.reason)}"
    return Event(kind="rollout.started", at=at, subject=subject, text=text)


def _brakes(step: Step, at: datetime, read_brake: ReadBrake) -> Iterator[Event]:
    for role, paper in step.brought.items():
        old = step.before.roles.get(role) if step.before else None
        if not role.endswith(f".{BRAKE}") or not paper.lists():
            continue
        brake, known = read_brake(paper), read_brake(old).hold if old and old.lists() else []
        for held in brake.hold:
            if held not in known:
                what = held.rollout or held.version
                text = f"{what} is held in every wave of {parent(role)}{_why(brake.reason)}"
                subject = f"{paper.text}/{what}"
                yield Event(kind="rollout.halted", at=at, subject=subject, text=text)


def _orders(publication: Publication | None, channel: str) -> Orders:
    roles = publication.roles.items() if publication else ()
    found: Iterable[Order | None] = (
        order_of(paper) for role, paper in roles if is_wave(role) and parent(role) == channel
    )
    return {order.wave: order for order in found if order}


def _of(orders: Orders, rollout: str) -> Orders:
    return {wave: order for wave, order in orders.items() if order.rollout == rollout}


def _complete(orders: Orders) -> bool:
    """Return whether a rollout is the base of all that it reached, without an end; recalls never are."""
    return bool(orders) and all(
        not order.recall and not order.not_after and order.base and order.base.version == order.version
        for order in orders.values()
    )


def _why(reason: str) -> str:
    return f": {reason}" if reason else ""
