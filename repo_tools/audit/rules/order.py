"""Versions, digests and times: nothing goes back, nothing changes under its version."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from repo_tools.audit.findings import Finding, Level, Served
from repo_tools.audit.history import CLOCKS_DIFFER, History, Publication, overlong
from repo_tools.audit.papers import Listed, Paper
from repo_tools.output import when
from repo_tools.roles import LONG, ONLINE, lifetime


def pinned(history: History, _now: datetime) -> Iterator[Finding]:
    """A file that is not what was listed: missing, of another length or with another digest."""
    head = history.collected.head
    for step in history.steps:
        newest = head is not None and step.after.number == head.body.version
        for role, listed in (step.after.everything() if newest else step.listed).items():
            paper = history.collected.find(role, listed.version)
            text = _unlike(role, listed, paper)
            if text and (newest or paper is not None):  # what is gone from the past is a gap
                yield Finding("error", "pinned", role, listed.version, text, step.after.at)


def replays(history: History, _now: datetime) -> Iterator[Finding]:
    """An issue time that goes back, or is missing: somebody published what was signed before."""
    before: Publication | None = None
    for publication in history.publications:
        if publication.at is None:
            text = f"timestamp {publication.number} does not say when it was signed"
            yield Finding("warning", "replay", "timestamp", publication.number, text)
            continue
        if before and before.at and publication.at < before.at:
            text = (
                f"timestamp {publication.number} was signed at {when(publication.at)}, "
                f"before timestamp {before.number} ({when(before.at)})"
            )
            level = _level(before.at - publication.at > CLOCKS_DIFFER)
            yield Finding(level, "replay", "timestamp", publication.number, text, publication.at)
        before = publication


def future(history: History, now: datetime) -> Iterator[Finding]:
    """An issue time that is still to come: a stolen key, or a publisher's clock that is far ahead."""
    for one in history.ahead(now):
        text = f"timestamp {one.number} was signed in the future: {when(one.at)}"
        yield Finding("error", "future", "timestamp", one.number, text, one.at)


def rollbacks(history: History, _now: datetime) -> Iterator[Finding]:
    """A version that goes back from one publication to the next, which every client refuses.

    Unless a new root changed the keys of timestamp or snapshot: then clients forget what they saw.
    """
    for step in history.steps:
        before, after = step.before, step.after
        known = before.everything() if before else {}
        for role, listed in step.listed.items():
            was = known.get(role)
            if before and was and listed.version < was.version:
                again = any(_named(before.root, one) != _named(after.root, one) for one in ONLINE)
                text = f"timestamp {after.number} goes back to {role} {listed.version}, from {was.version}"
                yield Finding(_level(not again), "rollback", role, listed.version, text, after.at)


def put_back(history: History, seen: Served) -> Iterator[Finding]:
    """What was served when somebody looked, and is not in the store any more: a copy was put in its place.

    Unless a new root changed the keys of timestamp or snapshot: then clients forget what they saw.
    """
    collected = history.collected
    head, kept = collected.head, collected.find("timestamp", seen.timestamp)
    newest = collected.versions("root")[-1]
    if newest.number < seen.root:
        text = f"root {seen.root} was served when you looked, and the store ends at root {newest.number}"
        yield Finding("error", "rollback", "root", seen.root, text)
    if head is None or (kept.sha256 == seen.sha256 if kept else seen.timestamp <= head.body.version):
        return  # what is gone from the past is a gap
    then = collected.find("root", seen.root)
    again = then is None or any(_named(then, one) != _named(newest, one) for one in ONLINE)
    lags = f"is not there, where {head.body.version} is served: the store was put back, or lags"
    said = "is another one now: the store was put back, and published to" if kept else lags
    text = f"timestamp {seen.timestamp} was served when you looked, and {said}"
    yield Finding(_level(not again), "rollback", "timestamp", seen.timestamp, text)


def rewritten(history: History, _now: datetime) -> Iterator[Finding]:
    """A version that is listed with two different digests: its content changed without a version step."""
    known: dict[tuple[str, int], tuple[str | None, int]] = {}
    for step in history.steps:
        after = step.after
        for role, listed in step.listed.items():
            if listed.sha256 is None:
                continue  # said by another rule
            digest, first = known.setdefault((role, listed.version), (listed.sha256, after.number))
            if digest != listed.sha256:
                text = (
                    f"{role} {listed.version} is listed with another digest in timestamp "
                    f"{after.number} than in {first}"
                )
                yield Finding("error", "rewritten", role, listed.version, text, after.at)


def served(history: History, _now: datetime) -> Iterator[Finding]:
    """The served timestamp is not the one that is kept under its version."""
    head = history.collected.head
    if head is None:
        return
    number = head.body.version
    kept = history.collected.find("timestamp", number)
    if kept is None or kept.sha256 != head.sha256:
        said = "is not kept" if kept is None else "differs from the one that is kept"
        yield Finding("error", "served", "timestamp", number, f"the served timestamp {number} {said}")


def expired(history: History, now: datetime) -> Iterator[Finding]:
    """Metadata that had expired when it was published, or that has expired while it is served."""
    for publication in history.publications:
        at = publication.at
        for paper in publication.papers() if at else ():
            if at and paper.body.expires <= at:
                text = f"{paper.text} had expired when timestamp {publication.number} was signed"
                yield Finding("warning", "expired", paper.role, paper.number, text, at)
    live = history.live
    for paper in live.papers() if live else ():
        if paper.body.expires <= now:
            text = f"{paper.text} has expired on {paper.body.expires:%Y-%m-%d}: every client refuses it"
            yield Finding("error", "expired", paper.role, paper.number, text)


def _named(root: Paper, role: str) -> set[str]:
    trusted = root.trusted(role)
    return set(trusted[0].keyids) if trusted else set()


def _level(broken: bool) -> Level:
    return "error" if broken else "warning"


def stretched(history: History, now: datetime) -> Iterator[Finding]:
    """A timestamp or snapshot that lasts longer than root's owners allow, or a role that hardly ever ends."""
    for step in history.steps:
        for paper, lasts, most in overlong(step.before, step.after, now):
            text = f"{paper.text} lasts {lasts:.0f} s, and root's owners allow {most}"
            yield Finding("error", "stretched", paper.role, paper.number, text, step.after.at)
        if step.after.at:
            yield from _long(step.brought.values(), step.after.at)


def _long(brought: Iterable[Paper], at: datetime) -> Iterator[Finding]:
    for paper in brought:
        lasts, usual = paper.body.expires - at, lifetime(paper.role)
        if lasts > LONG * usual and paper.role not in ONLINE:
            text = f"{paper.text} lasts {lasts.days:,} days, and {usual.days} are usual"
            yield Finding("warning", "stretched", paper.role, paper.number, text, at)


def _unlike(role: str, listed: Listed, paper: Paper | None) -> str:
    """Return what is wrong with a listed file, or nothing."""
    if paper and (paper.sha256, paper.length) == (listed.sha256, listed.length):
        return ""
    what = f"{role} {listed.version}"
    if listed.sha256 is None or listed.length is None:
        return f"{what} is listed without length and SHA-256"
    if paper is None:
        return f"{what} is listed, and not in the store"
    return f"{what} is not what was listed: other length or digest"
