"""Order what was collected: publications, one for each kept timestamp, with the root in force at the time.

A root has no issue time of its own; it is in force from the first publication that needs it: whose
timestamp, snapshot or targets the root before does not bear out, or allow to last as long, or that was
signed when the root before had expired. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from operator import itemgetter

import msgspec

from repo_tools.audit.papers import Listed, Paper, Snapshot, Targets, Timestamp
from repo_tools.audit.proofs import Proof, Proofs
from repo_tools.audit.walk import Collected, issued
from repo_tools.roles import parent

SIGNED_BY_ROOT = ("timestamp", "snapshot", "targets")
CLOCKS_DIFFER = timedelta(minutes=5)
"""What the clocks of two jobs may differ, and how long a cache may serve what was just replaced."""


class Publication(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What one timestamp made public."""

    timestamp: Paper
    root: Paper
    snapshot: Paper | None
    roles: Mapping[str, Paper]
    """The targets roles that the snapshot lists, as far as they are there."""
    listed: Mapping[str, Listed] = {}
    """What the snapshot lists, by role."""

    @property
    def number(self) -> int:
        """The timestamp's version."""
        return self.timestamp.number

    @property
    def at(self) -> datetime | None:
        """When the timestamp was signed, as it says."""
        return issued(self.timestamp)

    def papers(self) -> Iterator[Paper]:
        """Yield every file that a client reads, the root first."""
        yield self.root
        yield self.timestamp
        if self.snapshot:
            yield self.snapshot
        yield from self.roles.values()

    def paper(self, role: str) -> Paper | None:
        """Return the version of a role that belongs to this publication."""
        match role:
            case "timestamp":
                return self.timestamp
            case "snapshot":
                return self.snapshot
        return self.roles.get(role)

    def delegator(self, role: str) -> Paper | None:
        """Return the file that says who may sign a role."""
        above = parent(role)
        return self.root if above == "root" else self.roles.get(above)

    def everything(self) -> Mapping[str, Listed]:
        """Return what timestamp and snapshot list, by role."""
        body = self.timestamp.body
        named = body.meta.get("snapshot.json") if isinstance(body, Timestamp) else None
        return {"snapshot": named, **self.listed} if named else self.listed


class Judged(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A file that is another one than before, or whose delegator is."""

    paper: Paper
    above: Paper | None
    """The file that says who may sign it."""
    new: bool
    """Whether it is the file itself."""


class Step(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What a publication brought: rules that look at nothing else read a long history once, not squared."""

    before: Publication | None
    after: Publication
    listed: Mapping[str, Listed]
    """What is listed otherwise than before, by role."""
    brought: Mapping[str, Paper]
    """The targets roles whose file is another one than before."""
    judged: Sequence[Judged]
    """What this publication's signatures are to bear out."""


@dataclass(frozen=True)
class History:
    """A whole published history."""

    collected: Collected
    publications: tuple[Publication, ...]
    """By the version of their timestamps, up to the one that is served."""
    strays: tuple[Publication, ...]
    """Under the newest root: kept timestamps that are above the served one."""
    passed: tuple[Publication, ...]
    """Under the root of the next: kept timestamps that were never public, as that one says."""
    proofs: Proofs

    @cached_property
    def steps(self) -> list[Step]:
        """Return each publication with the one before it."""
        return [_step(before, after) for before, after in pairwise([None, *self.publications]) if after]

    @property
    def live(self) -> Publication | None:
        """What a client sees now: the served timestamp, under the newest root."""
        head = self.collected.head
        if head is None:
            return None
        timestamp = self.collected.find("timestamp", head.body.version) or head
        roots = self.collected.versions("root")
        return _publication(self.collected, timestamp, roots[-1])

    def ahead(self, now: datetime) -> list[Publication]:
        """Return what claims to be signed later than now: by a thief, or by a clock that is far ahead."""
        return [one for one in self.publications if one.at and one.at - now > CLOCKS_DIFFER]

    def at(self, moment: datetime) -> Publication | None:
        """Return what was public at a time: the newest timestamp that was signed by then."""
        known = [one for one in self.publications if one.at is not None and one.at <= moment]
        return known[-1] if known else None

    def proof(self, publication: Publication, role: str) -> Proof | None:
        """Return who signed a role, by its delegator of then; None when it has none."""
        paper = publication.paper(role)
        delegator = publication.delegator(role)
        return self.proofs.of(paper, delegator) if paper and delegator else None


def ordered(collected: Collected) -> History:
    """Return the history of what was collected."""
    proofs, roots = Proofs(), collected.versions("root")
    found: list[Publication] = []
    skipped = collected.passed()
    line, strays = _split(collected, skipped)
    for timestamp in line:
        before = found[-1] if found else None
        since = [root for root in roots if before is None or root.number >= before.root.number]
        found.append(_in_force(_publication(collected, timestamp, since[0]), since, before, proofs))
    beyond = tuple(_publication(collected, timestamp, roots[-1]) for timestamp in strays)
    return History(collected, tuple(found), beyond, _passed(collected, skipped, found), proofs)


def _passed(collected: Collected, skipped: set[int], made: Sequence[Publication]) -> tuple[Publication, ...]:
    found: list[Publication] = []
    for number in sorted(skipped):
        timestamp = collected.find("timestamp", number)
        after = next((one for one in made if one.number > number), None)
        if timestamp and after:
            found.append(_publication(collected, timestamp, after.root))
    return tuple(found)


def _in_force(
    made: Publication, roots: Sequence[Paper], before: Publication | None, proofs: Proofs
) -> Publication:
    """Return a publication under the first root that bears it out, had not expired and lets it last as long.

    Without such a one, under the first that bears it out and does best; without that, as it is.
    """
    found: list[tuple[tuple[bool, bool], Publication]] = []
    for root in roots:
        under = msgspec.structs.replace(made, root=root)
        if borne_out(under, proofs):
            doubts = (any(overlong(before, under)), under.at is not None and root.body.expires <= under.at)
            if not any(doubts):
                return under
            found.append((doubts, under))
    return min(found, key=itemgetter(0), default=((), made))[1]


def overlong(
    before: Publication | None, after: Publication, now: datetime | None = None
) -> Iterator[tuple[Paper, float, int]]:
    """Yield what a publication brought that lasts longer than root's owners allow.

    Args:
        before: The publication before it.
        after: The publication; its snapshot may be older, unless the one before had another.
        now: The auditor's time: nothing begins to last later than now, whatever it says.

    Yields:
        The file, how long it lasts in seconds, and how long it may.
    """
    if after.at is None:
        return
    begins = min(after.at, now or after.at)
    brought = [after.timestamp]
    if before and after.snapshot and before.snapshot is not after.snapshot:
        brought.append(after.snapshot)
    for paper in brought:
        trusted = after.root.trusted(paper.role)
        most = trusted[0].lifetime_s if trusted else None
        lasts = (paper.body.expires - begins).total_seconds()
        if most is not None and lasts > most + CLOCKS_DIFFER.total_seconds():
            yield paper, lasts, most


def provable(history: History) -> History:
    """Return a history without what was published before the root that the auditor gave.

    That root says nothing about publications under the roots before it. The first root has none before it.
    """
    made = history.publications
    if history.collected.anchor.number == 1:
        return history
    for number, step in enumerate(history.steps):
        if borne_out(step.after, history.proofs) and not any(overlong(step.before, step.after)):
            return replace(history, publications=made[number:])
    return history


def _split(collected: Collected, passed: set[int]) -> tuple[list[Paper], list[Paper]]:
    """Return the timestamps up to the served one, and those above it; without those that were passed.

    Versions start again below a thief's when the key of the timestamp changes; what he signed stays there.
    """
    kept = [one for one in collected.versions("timestamp") if one.number not in passed]
    served = collected.head.body.version if collected.head else kept[-1].number if kept else 0
    return [one for one in kept if one.number <= served], [one for one in kept if one.number > served]


def since(history: History, role: str, version: int) -> datetime | None:
    """Return when a version of a role became public, as the timestamp of then says."""
    for publication in history.publications:
        papers = {paper.role: paper.number for paper in publication.papers()}
        if papers.get(role) == version:
            return publication.at
    return None


def _publication(collected: Collected, timestamp: Paper, root: Paper) -> Publication:
    body = timestamp.body
    named = body.meta.get("snapshot.json") if isinstance(body, Timestamp) else None
    snapshot = collected.find("snapshot", named.version) if named else None
    names = snapshot.body.meta if snapshot and isinstance(snapshot.body, Snapshot) else {}
    listed = {name.removesuffix(".json"): one for name, one in names.items()}
    papers = collected.papers
    roles = {role: paper for role, one in listed.items() if (paper := papers.get((role, one.version)))}
    return Publication(timestamp, root, snapshot, roles, listed)


def _step(before: Publication | None, after: Publication) -> Step:
    known, named = (before.roles, before.everything()) if before else ({}, {})
    listed = {role: one for role, one in after.everything().items() if named.get(role) != one}
    brought = {role: paper for role, paper in after.roles.items() if known.get(role) is not paper}
    return Step(before, after, listed, brought, _judged(before, after, sorted(brought)))


def _judged(before: Publication | None, after: Publication, new: Sequence[str]) -> list[Judged]:
    """Return what ``after`` made public, and what it said somebody else may sign now."""
    above = () if before and before.root is after.root else SIGNED_BY_ROOT
    same = before and before.snapshot is after.snapshot
    below = [name for role in new for name in delegated_by(after.roles[role])]
    roles = dict.fromkeys(["timestamp", *(() if same else ("snapshot",)), *above, *new, *below])
    return [
        Judged(paper, after.delegator(role), before is None or before.paper(role) is not paper)
        for role in roles
        if (paper := after.paper(role))
    ]


def delegated_by(paper: Paper) -> Iterator[str]:
    """Yield the roles that a targets role delegates to."""
    if isinstance(paper.body, Targets) and paper.body.delegations:
        yield from (role.name for role in paper.body.delegations.roles)


def borne_out(publication: Publication, proofs: Proofs) -> bool:
    """Return whether a publication's root bears out its timestamp, its snapshot and its targets."""
    signed = [paper for role in SIGNED_BY_ROOT if (paper := publication.paper(role))]
    return all((proof := proofs.of(paper, publication.root)) and proof.holds for paper in signed)
