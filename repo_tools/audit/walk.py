"""Collect a published history: every root, every kept timestamp, and every version of every role they list.

Nothing is believed here but names: whatever a timestamp lists is fetched, and the rules judge it. Files are
fetched in four rounds, in parallel, and each is read once. A store cannot be listed over HTTP, so versions
are counted: a run of numbers that nobody published ends after as many as a publisher may ever skip.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from metadata.errors import MalformedError, UnsuitableError
from repo_tools.audit import papers
from repo_tools.audit.findings import Finding
from repo_tools.audit.papers import ROLE, Paper, Snapshot, Timestamp, stored_as
from repo_tools.audit.readonly import Reading
from repo_tools.files import silent
from repo_tools.roles import MAX_JUMP, ONLINE
from repo_tools.store import TIMESTAMP

OnCount = Callable[[int], None]
_BATCH = 64
_ROOTS = 16
"""Owners change roots a few times in all: one round of requests sees beyond a missing one."""


@dataclass
class Collected:
    """Everything that was read."""

    location: str
    anchor: Paper
    """The root that the auditor trusts."""
    head: Paper | None = None
    """``timestamp.json``; None when nothing is published or it cannot be read."""
    papers: dict[tuple[str, int], Paper] = field(default_factory=dict)
    listed: dict[str, set[int]] = field(default_factory=dict)
    """By role: the versions that some timestamp or snapshot names."""
    absent: set[tuple[str, int]] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def versions(self, role: str) -> list[Paper]:
        """Return what was found of a role, the oldest first."""
        numbers = sorted(number for name, number in self.papers if name == role)
        return [self.papers[role, number] for number in numbers]

    def find(self, role: str, number: int) -> Paper | None:
        """Return one file, or None."""
        return self.papers.get((role, number))

    def passed(self) -> set[int]:
        """Return timestamps that were never public, as the next one says that was: a publisher was killed."""
        found: set[int] = set()
        for paper in reversed(self.versions("timestamp")):
            said = paper.body.passed if isinstance(paper.body, Timestamp) else []
            number = paper.number - 1
            while paper.number not in found and number in said:
                found.add(number)
                number -= 1
        return found

    def has_gaps(self) -> bool:
        """Return whether a list is missing: what it named is not known then."""
        return any(one.rule == "gap" and one.role in ONLINE for one in self.findings)


@dataclass
class Walk:
    """One pass through a store."""

    store: Reading
    on_count: OnCount = silent
    _map: Callable[..., Iterator[bytes | None]] = map
    """In parallel where each file costs a round trip."""

    def collect(self, root: bytes) -> Collected:
        """Return everything that is published, from a trusted root on.

        Raises:
            MalformedError: The root file cannot be read.
            UnsuitableError: It is no root, or nothing is published.
            UnreachableError: The store does not answer.
        """
        found = Collected(self.store.location, _anchor(root))
        with ThreadPoolExecutor(self.store.lanes) as pool:
            self._map = pool.map if self.store.lanes > 1 else map
            self._roots(found, root)
            self._timestamps(found)
            self._listed(found, ["snapshot"], _listed_by(found.versions("timestamp")))
            self._listed(found, None, _listed_by(found.versions("snapshot")))
        return found

    def _roots(self, found: Collected, root: bytes) -> None:
        anchor = found.anchor
        self._keep(found, "root", anchor.number, root)
        number = anchor.number + 1
        while data := self.store.read(stored_as("root", number)):
            self._keep(found, "root", number, data)
            number += 1
        self._later_roots(found, number)
        theirs = self.store.read(stored_as("root", anchor.number))
        if theirs != root:
            said = "is not in the store" if theirs is None else "is another one in the store"
            text = f"root {anchor.number}, which you trust, {said}"
            found.findings.append(Finding("error", "root", "root", anchor.number, text))

    def _later_roots(self, found: Collected, missing: int) -> None:
        """Look for a root beyond one that is not there: clients get no further, whatever it says."""
        numbers = range(missing + 1, missing + _ROOTS)
        read = self._map(self.store.read, [stored_as("root", number) for number in numbers])
        if there := [number for number, data in zip(numbers, read, strict=True) if data]:
            text = (
                f"root {missing} is not in the store, and root {there[0]} is: clients stop at {missing - 1}"
            )
            found.findings.append(Finding("error", "root", "root", missing, text))

    def _timestamps(self, found: Collected) -> None:
        data = self.store.read(TIMESTAMP)
        if data is None:
            hint = "check where that is; if the repository is yours, tidegate publish comes first"
            raise UnsuitableError(f"nothing is published in {self.store.location}", hint)
        newest = 0
        try:
            found.head = papers.read("timestamp", 1, data)
            newest = found.head.body.version
        except MalformedError as error:
            found.findings.append(Finding("error", "unreadable", "timestamp", 0, error.message))
        self._climb(found, 1, 1)
        if newest and ("timestamp", newest) not in found.papers:
            self._climb(found, newest, -1)
        numbers = [paper.number for paper in found.versions("timestamp")]
        found.listed["timestamp"] = set(numbers)
        line = [number for number in numbers if number <= newest] if newest else numbers
        found.findings += _gaps("timestamp", line, found.absent - _named("timestamp", found.passed()))

    def _climb(self, found: Collected, start: int, step: int) -> None:
        """Read timestamps from ``start`` on until there are no more, up or down."""
        misses = 0
        while misses <= MAX_JUMP:
            numbers = range(start, start + step * _BATCH, step)
            wanted = [number for number in numbers if number > 0]
            if not wanted or ("timestamp", wanted[0]) in found.papers:
                return
            self._fetch(found, [("timestamp", number) for number in wanted])
            hits = [number for number in wanted if ("timestamp", number) in found.papers]
            misses = abs(wanted[-1] - hits[-1]) if hits else misses + len(wanted)
            start += step * _BATCH

    def _listed(
        self,
        found: Collected,
        only: Sequence[str] | None,
        listed: Mapping[str, set[int]],
    ) -> None:
        for role, numbers in listed.items():
            if not ROLE.fullmatch(role) or (only is not None and role not in only):
                text = f"{role!r} is listed, which is no name of a role here"
                found.findings.append(Finding("error", "unreadable", role, 0, text))
                continue
            found.listed[role] = numbers
            self._fetch(found, [(role, number) for number in _counted(numbers)])
            never = set() if found.has_gaps() else found.absent - _named(role, numbers)
            found.findings += _gaps(role, sorted(numbers), found.absent - never)

    def _fetch(self, found: Collected, wanted: Sequence[tuple[str, int]]) -> None:
        names = [stored_as(role, number) for role, number in wanted]
        for (role, number), data in zip(wanted, self._map(self.store.read, names), strict=True):
            self.on_count(1)
            if data is None:
                found.absent.add((role, number))
            else:
                self._keep(found, role, number, data)

    @staticmethod
    def _keep(found: Collected, role: str, number: int, data: bytes) -> None:
        try:
            paper = papers.read(role, number, data)
        except MalformedError as error:
            found.findings.append(Finding("error", "unreadable", role, number, error.message))
            return
        found.papers[role, number] = paper
        if paper.body.version != number:
            text = f"{paper.name} says that it is version {paper.body.version}"
            found.findings.append(Finding("error", "number", role, number, text))


def _anchor(root: bytes) -> Paper:
    found = papers.read("root", 1, root)
    return papers.read("root", found.body.version, root)


def _listed_by(lists: Iterable[Paper]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for paper in lists:
        assert isinstance(paper.body, Timestamp | Snapshot)  # the two that list files
        for name, one in paper.body.meta.items():
            found[name].add(one.version)
    by_role: dict[str, set[int]] = defaultdict(set)
    for name, numbers in found.items():
        by_role[name.removesuffix(".json")] |= numbers
    return by_role


def _counted(numbers: set[int]) -> list[int]:
    """Return every version from the first to the last; a wide gap is not counted through."""
    found: set[int] = set(numbers)
    last = 0
    for number in sorted(numbers):
        if number - last <= MAX_JUMP:
            found.update(range(last + 1, number))
        last = number
    return sorted(found)


def _named(role: str, numbers: Iterable[int]) -> set[tuple[str, int]]:
    return {(role, number) for number in numbers}


def _gaps(role: str, numbers: Sequence[int], absent: set[tuple[str, int]]) -> Iterator[Finding]:
    """Yield a finding for each run of versions, up to the newest that is named, that is not there."""
    newest = max(numbers, default=0)
    missing = sorted(number for name, number in absent if name == role and number <= newest)
    runs: list[list[int]] = []
    for number in missing:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    for run in runs:
        which = f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}"
        text = f"{role} {which} is not in the store: what it said cannot be audited"
        yield Finding("warning", "gap", role, run[0], text)
    for before, after in pairwise([0, *numbers]):
        if after - before > MAX_JUMP:
            text = f"{role} jumps from {before} to {after}: clients that saw it never go back"
            yield Finding("warning", "jump", role, after, text)


def issued(paper: Paper) -> datetime | None:
    """Return when a timestamp was signed, as it says."""
    return paper.body.issued if isinstance(paper.body, Timestamp) else None
