"""What roles say: who lost a say, what was exchanged, who spoke for what is not theirs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from repo_tools.audit.findings import Finding
from repo_tools.audit.history import History
from repo_tools.audit.papers import Paper, Role, Root, Targets
from repo_tools.output import counted


def gone(history: History, _now: datetime) -> Iterator[Finding]:
    """A role that left the snapshot, which breaks every client that knew it."""
    for before, after in pairwise(history.publications):
        if after.snapshot is None:
            continue
        for role in before.listed.keys() - after.listed.keys():
            text = f"{role} left the snapshot with timestamp {after.number}: clients that knew it refuse it"
            yield Finding("error", "gone", role, before.listed[role].version, text, after.at)


def shrank(history: History, _now: datetime) -> Iterator[Finding]:
    """A role that fewer people must sign than before, or that lost its delegation."""
    for step in history.steps:
        if step.before is None:
            continue
        for paper in (step.after.root, *step.brought.values()):
            older = step.before.root if paper.role == "root" else step.before.roles.get(paper.role)
            if older is None or older.number == paper.number:
                continue
            for text in _less(older, paper):
                yield Finding("warning", "shrank", paper.role, paper.number, text, step.after.at)


def documents(history: History, _now: datetime) -> Iterator[Finding]:
    """A file of a release that has another digest than it had under the same path before."""
    for role in sorted(role for role in history.collected.listed if role.endswith(".releases")):
        known: dict[str, tuple[str, int]] = {}
        for paper in history.collected.versions(role):
            body = paper.body
            for path, file in body.targets.items() if isinstance(body, Targets) else ():
                digest = file.hashes.sha256 or ""
                was, first = known.setdefault(path, (digest, paper.number))
                if was != digest:
                    text = f"{path} changed in {paper.text}: it was another file in {role} {first}"
                    yield Finding("error", "document", role, paper.number, text)


def bounds(history: History, _now: datetime) -> Iterator[Finding]:
    """A role that lists paths which are not delegated to it; clients do not ask it for them."""
    for step in history.steps:
        for one in step.judged:
            paper, above = one.paper, one.above
            if above is None or paper.role == "targets" or not isinstance(paper.body, Targets):
                continue
            trusted = above.trusted(paper.role)
            strange = _outside(paper.body, trusted[0]) if trusted else []
            if strange:
                text = (
                    f"{paper.text} speaks for {len(strange)} paths that are not its own, such as {strange[0]}"
                )
                yield Finding("warning", "bounds", paper.role, paper.number, text, step.after.at)


def overlaps(history: History, _now: datetime) -> Iterator[Finding]:
    """Paths that a role answers before the one that they belong to, or that targets answers by itself."""
    for step in history.steps:
        for one in step.judged:
            paper = one.paper
            if not isinstance(paper.body, Targets):
                continue
            if paper.role != "targets" and paper.body.delegations is None:
                continue
            for text in _taken(paper.text, paper.body):
                yield Finding("warning", "overlap", paper.role, paper.number, text, step.after.at)


def _taken(what: str, body: Targets) -> Iterator[str]:
    if what.startswith("targets ") and body.targets:
        first = min(body.targets)
        count = counted(len(body.targets), "file")
        yield f"{what} lists {count} itself, such as {first}: it answers before all others"
    roles = body.delegations.roles if body.delegations else []
    for number, role in enumerate(roles):
        earlier = [path for one in roles[:number] for path in one.paths]
        if covered := _within(role.paths, earlier):
            yield f"{what} lets others answer before {role.name} for {covered[0]}"
    for role in roles:
        own = [path for path in body.targets if path in role.paths]
        if own:
            yield f"{what} lists {own[0]} itself, which is for {role.name} to say"


def _within(paths: Sequence[str], earlier: Sequence[str]) -> list[str]:
    """Return the paths, or patterns, that earlier ones cover."""
    literal = {path for path in earlier if not {*"*?"} & {*path}}
    rest = tuple(path for path in earlier if path not in literal)
    patterns = _pattern(rest) if rest else None
    return [path for path in paths if path in literal or (patterns and patterns.fullmatch(path))]


def _less(before: Paper, after: Paper) -> Iterator[str]:
    was, now = _roles(before), _roles(after)
    for name, role in was.items():
        if name not in now:
            yield f"{after.text} does not delegate to {name} any more"
        elif now[name].threshold < role.threshold:
            yield (
                f"{after.text} asks for {now[name].threshold} signatures of {name} instead of "
                f"{role.threshold}"
            )
        if name in now and role.terminating and not now[name].terminating:
            yield f"{after.text} lets clients search on where {name} says nothing"


def _roles(paper: Paper) -> Mapping[str, Role]:
    if isinstance(paper.body, Root):
        return paper.body.roles
    below = paper.body.delegations if isinstance(paper.body, Targets) else None
    return {role.name: role for role in below.roles} if below else {}


def _outside(body: Targets, role: Role) -> list[str]:
    rest = body.targets.keys() - set(role.paths)
    if not rest:
        return []
    patterns = _pattern(tuple(role.paths))
    return sorted(path for path in rest if not patterns.fullmatch(path))


@lru_cache
def _pattern(paths: tuple[str, ...]) -> re.Pattern[str]:
    """Return what path patterns cover; a star ends at a slash (TUF specification 4.5)."""
    patterns = (re.escape(path).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") for path in paths)
    return re.compile("|".join(patterns))
