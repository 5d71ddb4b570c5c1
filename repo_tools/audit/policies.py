"""Policies through time: what was revoked and is not any more, and floors that went back.

Whoever signs a channel may do that; it breaks no trust, and people should know of it.
"""

from collections.abc import Iterator

from metadata import strict
from metadata.documents import Policy
from metadata.errors import TidegateError
from repo_tools.audit.findings import Finding
from repo_tools.audit.history import History
from repo_tools.audit.papers import Paper, Targets, entry
from repo_tools.contents import Contents
from repo_tools.roles import POLICY
from repo_tools.rollouts.lifting import lifted

_Read = tuple[str, Policy]
"""A policy, behind its digest."""


def reopened(history: History, contents: Contents) -> Iterator[Finding]:
    """Yield a warning for each version of a channel role that allows what the one before forbade."""
    known: dict[str, _Read] = {}
    for step in history.steps:
        for one in step.judged:
            paper, role = one.paper, one.paper.role
            found = _policy(paper, contents, known.get(role)) if role.count(".") == 1 else None
            if found is None:
                continue  # the rules about files tell of what is missing
            before = known.get(role, found)[1]
            known[role] = found
            for text in lifted(before, found[1]):
                said = f"{paper.text} {text}"
                yield Finding("warning", "reopened", role, paper.number, said, step.after.at)


def _policy(paper: Paper, contents: Contents, known: _Read | None) -> _Read | None:
    """Return what a channel role lists; nothing is read that is known already."""
    files = paper.body.targets.items() if isinstance(paper.body, Targets) else ()
    listed = next((entry(path, file) for path, file in files if path.endswith(f"/{POLICY}")), None)
    if listed is None or (known and known[0] == listed.sha256):
        return known
    try:
        return listed.sha256, strict.decode(contents.read(listed), Policy)
    except TidegateError:
        return None
