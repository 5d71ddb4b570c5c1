"""Order what was collected: publications, one for each kept timestamp, with the root in force at the time.

A root has no issue time of its own; it is in force from the first publication that needs it: whose
timestamp, snapshot or targets the root before does not bear out. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from repo_tools.audit.papers import Listed, Paper, Snapshot, Targets, Timestamp
from repo_tools.audit.proofs import Proof, Proofs
from repo_tools.audit.walk import Collected, issued
from repo_tools.roles import parent

SIGNED_BY_ROOT = ("timestamp", "snapshot", "targets")


@dataclass(frozen=True)
class Publication:
    """What one timestamp made public."""

    timestamp: Paper
    root: Paper
    snapshot: Paper | None
    roles: Mapping[str, Paper]
    """The targets roles that the snapshot lists, as far as they are there."""

    @property
    def number(self) -> int:
        """The timestamp's version."""
        return self.timestamp.number

    @property
    def at(self) -> datetime | None:
        """When the timestamp was signed, as it says."""
        return issued(self.timestamp)

    @cached_property
    def listed(self) -> Mapping[str, Listed]:
        """What the snapshot lists, by role."""
        found = self.snapshot.body if self.snapshot else None
        names = found.meta if isinstance(found, Snapshot) else {}
        return {name.removesuffix(".json"): one for name, one in names.items()}

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

    def delegated(self) -> Iterator[str]:
        """Yield the roles that somebody here delegates to, and the top-level ones."""
        yield from SIGNED_BY_ROOT
        for paper in self.roles.values():
            if isinstance(paper.body, Targets) and paper.body.delegations:
                yield from (role.name for role in paper.body.delegations.roles)


@dataclass(frozen=True)
class History:
    """A whole published history."""

    collected: Collected
    publications: tuple[Publication, ...]
    """By the version of their timestamps, up to the one that is served."""
    strays: tuple[Publication, ...]
    """Under the newest root: kept timestamps that are above the served one."""
    proofs: Proofs

    @property
    def live(self) -> Publication | None:
        """What a client sees now: the served timestamp, under the newest root."""
        head = self.collected.head
        if head is None:
            return None
        timestamp = self.collected.find("timestamp", head.body.version) or head
        roots = self.collected.versions("root")
        return _publication(self.collected, timestamp, roots[-1])

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
    reached = 0
    line, strays = _split(collected)
    for timestamp in line:
        made = {reached: _publication(collected, timestamp, roots[reached])}
        while not borne_out(made[max(made)], proofs) and max(made) + 1 < len(roots):
            made[max(made) + 1] = replace(made[reached], root=roots[max(made) + 1])
        reached = max(made) if borne_out(made[max(made)], proofs) else reached
        found.append(made[reached])
    beyond = tuple(_publication(collected, timestamp, roots[-1]) for timestamp in strays)
    return History(collected, tuple(found), beyond, proofs)


def _split(collected: Collected) -> tuple[list[Paper], list[Paper]]:
    """Return the timestamps up to the served one, and those above it.

    Versions start again below a thief's when the key of the timestamp changes; what he signed stays there.
    """
    kept = collected.versions("timestamp")
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
    listed = snapshot.body.meta if snapshot and isinstance(snapshot.body, Snapshot) else {}
    roles: dict[str, Paper] = {}
    for name, one in listed.items():
        role = name.removesuffix(".json")
        if paper := collected.papers.get((role, one.version)):
            roles[role] = paper
    return Publication(timestamp, root, snapshot, roles)


def borne_out(publication: Publication, proofs: Proofs) -> bool:
    """Return whether a publication's root bears out its timestamp, its snapshot and its targets."""
    signed = [paper for role in SIGNED_BY_ROOT if (paper := publication.paper(role))]
    return all((proof := proofs.of(paper, publication.root)) and proof.holds for paper in signed)
