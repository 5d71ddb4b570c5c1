"""In which order files become public: nothing is listed before it exists, and the timestamp comes last.

Pure. A client that reads at any moment sees the old tree or the new one: until ``timestamp.json`` changes,
nobody asks for what was created before it.
"""

from collections.abc import Iterable
from itertools import groupby

from repo_tools.store import TIMESTAMP

_TARGETS, _ROLES, _SNAPSHOT, _ROOT, _HISTORY, _TIMESTAMP = range(6)


def publishing_order(names: Iterable[str]) -> list[str]:
    """Return store names in the order in which they are published.

    Targets; roles, the deepest first; snapshot; root; the timestamp's kept copy; ``timestamp.json``.
    """
    return sorted(names, key=lambda name: (_stage(name), -name.count("."), name))


def stages(names: Iterable[str]) -> list[list[str]]:
    """Return store names in groups: one after the other, while those of a group may be created at once."""
    return [list(group) for _, group in groupby(publishing_order(names), key=_stage)]


def _stage(name: str) -> int:
    if name.startswith(("targets/", "status/")):
        return _TARGETS
    if name == TIMESTAMP:
        return _TIMESTAMP
    role = name.removeprefix("metadata/").removesuffix(".json").partition(".")[2]
    return {"snapshot": _SNAPSHOT, "root": _ROOT, "timestamp": _HISTORY}.get(role, _ROLES)
