"""The published history as one line for each change, newest first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from metadata import strict
from metadata.documents import Policy
from metadata.errors import TidegateError, UsageError
from repo_tools.audit.history import History, Publication
from repo_tools.audit.papers import Paper
from repo_tools.audit.words import concerned
from repo_tools.contents import Contents
from repo_tools.output import counted, when
from repo_tools.roles import ONLINE, POLICY, lifetime, parent, releases
from repo_tools.rollouts.tables import share_words
from repo_tools.signed.views import KeyInfo, View
from repo_tools.signing import who
from repo_tools.words.reading import readable_documents
from repo_tools.words.releases import listed_releases
from repo_tools.words.roles import Around, is_ordering, sentence


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
    signed_by: tuple[KeyInfo, ...]
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
        person = self.person is None or any(is_named(key, self.person) for key in change.signed_by)
        return below and person and (self.release is None or self.release in change.releases)


@dataclass
class Log:
    """Turns a history into changes."""

    history: History
    contents: Contents
    """Where documents are read."""
    _last: dict[str, View] = field(default_factory=dict)

    def changes(self, wanted: Wanted) -> list[Change]:
        """Return the changes that are asked for, newest first.

        Raises:
            UsageError: No such person, role or release stands anywhere in the history.
        """
        everything = list(self._all())
        _refuse_unknown(wanted, everything)
        return [change for change in everything if wanted.admits(change)][::-1]

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
        signed = self._signed(publication, paper)
        documents = readable_documents(self.contents, new, old)
        try:
            text = sentence(new, old, self._around(publication, new, documents))
            about = concerned(new, old, documents)
        except TidegateError as error:
            text, about = f"cannot be read: {error.message}", frozenset()
        if paper.role in ONLINE and old:
            text = "renewed" if paper.role == "timestamp" else "lists other versions"
        at = publication.at
        if paper.role == "root" and paper.number > publication.root.number:
            at, text = None, f"{text}; no timestamp needs it"
        if paper.role == "root" and paper.number == self.history.collected.anchor.number > 1:
            at, text = None, "what is told here begins with it"
        return Change(at, publication.number, paper.role, paper.number, text, signed, about)

    def _signed(self, publication: Publication, paper: Paper) -> tuple[KeyInfo, ...]:
        """Return whose signatures hold; of a root, by the root before it and by itself."""
        if paper.role != "root":
            proof = self.history.proof(publication, paper.role)
            return proof.signed if proof else ()
        earlier = self.history.collected.find("root", paper.number - 1)
        proofs = [self.history.proofs.of(paper, by) for by in (earlier, paper) if by]
        return tuple({key.keyid: key for proof in proofs if proof for key in proof.signed}.values())

    def _around(self, publication: Publication, new: View, documents: Mapping[str, Any]) -> Around:
        expires_at = publication.at + lifetime(new.role) if publication.at else None
        above = publication.roles.get(parent(new.role)) if is_ordering(new.role) else None
        if above is None:
            return Around(documents=documents, expires_at=expires_at)
        view = self._view(above)
        delegation = view.delegations.get(new.role)
        paths = delegation.paths if delegation else ()
        listing = publication.roles.get(releases(new.role.partition(".")[0]))
        listed = listed_releases(self._view(listing) if listing else None)
        return Around(self._share(new, view, paths), frozenset(paths), listed, documents, expires_at)

    def _view(self, paper: Paper) -> View:
        """Return what a role says that several changes in a row are measured by."""
        if paper.role not in self._last or self._last[paper.role].version != paper.number:
            self._last[paper.role] = paper.view()
        return self._last[paper.role]

    def _share(self, new: View, above: View, paths: Sequence[str]) -> str:
        policy = self._policy(above)
        if policy is None or not paths:
            return counted(len(new.entries), "route")
        return share_words(policy, new.role.rpartition(".")[2], [path.rpartition("/")[2] for path in paths])

    def _policy(self, view: View) -> Policy | None:
        """Return the policy in a channel role; None when there is none that can be read."""
        try:
            found = next((entry for path, entry in view.entries.items() if path.endswith(f"/{POLICY}")), None)
            return strict.decode(self.contents.read(found), Policy) if found else None
        except TidegateError:
            return None  # the log goes on; the audit reports what is wrong with files


def is_named(key: KeyInfo, asked: str) -> bool:
    """Return whether somebody asks for a key, by its owner or by its own name."""
    return asked in {key.person, key.name}


def _refuse_unknown(wanted: Wanted, changes: Sequence[Change]) -> None:
    keys = [key for change in changes for key in change.signed_by]
    people = {name for key in keys for name in (key.person, key.name)}
    roles = {role for change in changes for role in (change.role, parent(change.role))}
    products = {role.partition(".")[0] for role in roles if "." in role}
    versions = {version for change in changes for version in change.releases}
    for what, asked, known in (
        ("signed by", wanted.person, people),
        ("signed in role", wanted.role, roles | products),
        ("about release", wanted.release, versions),
    ):
        if asked is not None and asked not in known:
            text = f"nothing in this history is {what} {asked!r}"
            raise UsageError(text, f"one of: {', '.join(sorted(known))}")


def line(change: Change) -> str:
    """Return a change as a line for people."""
    at = when(change.at) if change.at else "at an unknown time"
    return f"{at} {change.role} {change.version}: {change.text}; signed by {who(change.signed_by)}"
