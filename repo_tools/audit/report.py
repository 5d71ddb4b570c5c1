"""An audit: walk, judge, count."""

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from metadata.errors import UntrustedError
from repo_tools.audit import evidence, policies
from repo_tools.audit.findings import Finding, Served, once
from repo_tools.audit.history import History, ordered, provable
from repo_tools.audit.papers import read
from repo_tools.audit.past import NOWHERE
from repo_tools.audit.readonly import Reading
from repo_tools.audit.rules import RULES
from repo_tools.audit.walk import Walk
from repo_tools.contents import Contents
from repo_tools.files import silent


def do_not_hold(number: int) -> str:
    """Return how many things do not hold, in words."""
    return "1 thing does not hold" if number == 1 else f"{number:,} things do not hold"


@dataclass(frozen=True)
class Report:
    """What an audit found."""

    history: History
    findings: list[Finding]

    @property
    def counts(self) -> dict[str, int]:
        """How much was looked at."""
        papers = self.history.collected.papers
        return {
            "publications": len(self.history.publications),
            "roles": len({role for role, _number in papers}),
            "versions": len(papers),
            "signatures": sum(len(paper.signatures) for paper in papers.values()),
        }

    @property
    def served(self) -> Served | None:
        """What is served, for audits that follow; None where it cannot be read."""
        head = self.history.collected.head
        newest = self.history.collected.versions("root")[-1].number
        return Served(head.body.version, head.sha256, newest) if head else None

    @property
    def failure(self) -> UntrustedError | None:
        """The error that says that trust is broken, or None."""
        broken = [found for found in self.findings if found.level == "error"]
        if not broken:
            return None
        hint = "do not install from it; show this to the owners of the repository"
        return UntrustedError(f"{do_not_hold(len(broken))}: {broken[0].text}", hint)


def audit(store: Reading, root: bytes, now: datetime, on_count: Callable[[int], None] = silent) -> Report:
    """Return what holds and what does not in a published history.

    Args:
        store: Where it is published; nothing that it says is believed.
        root: The root that the auditor trusts; the walk begins there.
        now: The present, UTC.
        on_count: Told how many files were read just now.

    Raises:
        MalformedError: The root cannot be read.
        UnsuitableError: Nothing is published there.
        UnreachableError: The store does not answer.
    """
    with _few_searches_for_garbage():
        collected = Walk(store, on_count).collect(root)
        history = provable(ordered(collected))
        found = [finding for rule in RULES for finding in rule(history, now)]
        found += evidence.judged(history, store)
        found += policies.reopened(history, Contents(NOWHERE, store))
    return Report(history, once([*collected.findings, *found]))


def whole(
    store: Reading, trusted: bytes, now: datetime, on_count: Callable[[int], None] = silent
) -> Report | None:
    """Return the audit from the store's first root on, where that leads to the root that is trusted.

    None where it does not, or where the trusted root is the first.
    """
    first, known = store.read("metadata/1.root.json"), json.loads(trusted)["signed"]["version"]
    if known == 1 or first is None:
        return None
    report = audit(store, first, now, on_count)
    found = report.history.collected.find("root", known)
    if found is None or found.payload != read("root", known, trusted).payload:
        return None
    return report


@contextmanager
def _few_searches_for_garbage() -> Iterator[None]:
    """Let thousands of new values be, which are all kept: looking for garbage takes half of the reading."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.freeze()
            gc.unfreeze()  # all of it is old now, so that the next search does not begin with it
            gc.enable()
