"""The published history as one line for each change, newest first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from metadata import strict
from metadata.documents import Brake, Policy
from metadata.errors import TidegateError
from repo_tools.audit import words
from repo_tools.audit.history import History, Publication
from repo_tools.audit.papers import Paper
from repo_tools.contents import Contents
from repo_tools.roles import BRAKE, ONLINE, POLICY, is_wave, parent
from repo_tools.rollouts.tables import share_words
from repo_tools.signed.views import Entry, View


@dataclass(frozen=True)
class Change:
    """One new version of a role."""

    at: datetime | None
    """When it became public, by the signed issue time."""
    publication: int
    """The timestamp that made it public."""
    role: str
    version: int
    text: str
    signed_by: tuple[str, ...]
    releases: frozenset[str]
    """The versions of the product that it is about."""


@dataclass(frozen=True)
class Wanted:
    """Which changes somebody asks for; None asks for all."""

    person: str | None = None
    role: str | None = None
    release: str | None = None

    def admits(self, change: Change) -> bool:
        """Return whether a change is asked for; refreshes only when their role is named."""
        if self.role is None and change.role in ONLINE:
            return False
        below = self.role is None or change.role == self.role or change.role.startswith(f"{self.role}.")
        person = self.person is None or self.person in change.signed_by
        return below and person and (self.release is None or self.release in change.releases)


@dataclass
class Log:
    """Turns a history into changes."""

    history: History
    contents: Contents
    """Where policies and brakes are read."""

    def changes(self, wanted: Wanted) -> list[Change]:
        """Return the changes that are asked for, newest first."""
        return [change for change in self._all() if wanted.admits(change)][::-1]

    def _all(self) -> Iterator[Change]:
        views: dict[str, View] = {}
        for publication, paper in self._new():
            new, old = paper.view(), views.get(paper.role)
            yield self._change(publication, paper, new, old)
            views[paper.role] = new

    def _new(self) -> Iterator[tuple[Publication, Paper]]:
        """Yield what each publication brought, with the roots before its own that none needed."""
        last: Publication | None = None
        for step in self.history.steps:
            last = step.after
            known = {paper.role: paper.number for paper in step.before.papers()} if step.before else {}
            yield from ((last, root) for root in self._roots(known.get("root", 0), last.root.number))
            for paper in last.papers():
                if known.get(paper.role) != paper.number:
                    yield last, paper
        if last:  # a root of its own does not say when it came, only that clients follow it
            yield from ((last, root) for root in self._roots(last.root.number, None))

    def _roots(self, above: int, below: int | None) -> list[Paper]:
        chain = self.history.collected.versions("root")
        return [one for one in chain if one.number > above and (below is None or one.number < below)]

    def _change(self, publication: Publication, paper: Paper, new: View, old: View | None) -> Change:
        proof = self.history.proof(publication, paper.role)
        if paper.role == "root":
            proof = self.history.proofs.of(paper, paper)
        signed = tuple(key.person for key in proof.signed) if proof else ()
        documents = (self._document(new), self._document(old))
        try:
            text = words.change(new, old, self._share(publication, paper.role, new), documents)
            about = words.concerned(new, old, documents)
        except TidegateError as error:
            text, about = f"cannot be read: {error.message}", frozenset()
        if paper.role in ONLINE and old:
            text = "renewed" if paper.role == "timestamp" else "lists other versions"
        at = None if paper.role == "root" and paper.number > publication.root.number else publication.at
        return Change(at, publication.number, paper.role, paper.number, text, signed, about)

    def _share(self, publication: Publication, role: str, new: View) -> str:
        above = publication.roles.get(parent(role)) if is_wave(role) else None
        if above is None:
            return ""
        view = above.view()
        policy = self._document(view)
        if not isinstance(policy, Policy) or role not in view.delegations:
            return f"{len(new.entries)} routes"
        routes = [path.rpartition("/")[2] for path in view.delegations[role].paths]
        return share_words(policy, role.rpartition(".")[2], routes)

    def _document(self, view: View | None) -> Policy | Brake | None:
        """Return the policy or the brake in a role; None when there is none that can be read."""
        try:
            if view and (found := _named(view.entries, POLICY)):
                return strict.decode(self.contents.read(found), Policy)
            if view and words.is_brake(view.role) and (found := _named(view.entries, BRAKE)):
                return strict.decode(self.contents.read(found), Brake)
        except TidegateError:
            return None  # the log goes on; the audit reports what is wrong with files
        return None


def line(change: Change) -> str:
    """Return a change as a line for people."""
    at = f"{change.at:%Y-%m-%d %H:%M}" if change.at else "at an unknown time"
    signed = f", signed by {', '.join(change.signed_by)}" if change.signed_by else ", signed by nobody"
    return f"{at} {change.role} {change.version}: {change.text}{signed}"


def _named(entries: Mapping[str, Entry], leaf: str) -> Entry | None:
    return next((entry for path, entry in entries.items() if path.endswith(f"/{leaf}")), None)
