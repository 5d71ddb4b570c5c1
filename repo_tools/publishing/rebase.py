"""Prepare staged roles again on what is live, after somebody else published first.

Target entries are merged path by path: what only one side changed is kept, and what both changed in different
ways is for people to decide. Signatures are gone afterwards, since the content is another.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metadata.errors import ConflictError
from repo_tools.desk import Desk
from repo_tools.publishing.sequence import Renamed, in_sequence, renamed_entry
from repo_tools.roles import is_wave
from repo_tools.signed.reading import load_view
from repo_tools.signed.signing import staged_bytes
from repo_tools.signed.tree import Tree
from repo_tools.signed.views import Entry, View

_KEYS = "read tidegate log; tidegate unstage {role} and what was staged with it, and do it again"
_DECIDE = "tidegate unstage {role}, and prepare the change again on what is live"


@dataclass(frozen=True)
class Rebased:
    """What was prepared again."""

    roles: Mapping[str, int]
    """New versions."""
    gone: list[str]
    """Roles whose change is public already."""


def rebase(desk: Desk) -> Rebased:
    """Give every overtaken role a version above the published one, with both sides' changes.

    Raises:
        ConflictError: Both sides changed the same thing; nothing was changed.
    """
    behind = [role for role in desk.tree.staged() if desk.tree.overtaken(role) or _taken(desk, role)]
    merged = {role: _merged(desk, role) for role in behind}
    renamed = Renamed()
    for role, entries in merged.items():
        in_sequence(desk, role, entries, renamed)
    for role, entries in merged.items():
        _stage(desk, role, {path: renamed_entry(entry, renamed) for path, entry in entries.items()}, renamed)
    for role in set(desk.tree.staged()) - set(behind) - {"root"}:
        with desk.tree.edit(role) as draft:
            for entry in desk.tree.view(role).entries.values():
                draft.put(renamed_entry(entry, renamed))
    still = desk.tree.staged()
    versions = {role: desk.tree.view(role).version for role in behind if role in still}
    return Rebased(versions, [role for role in behind if role not in still])


def _taken(desk: Desk, role: str) -> bool:
    """Return whether a killed publisher left other bytes under the name of a staged role."""
    data = desk.store.read(f"metadata/{desk.tree.view(role).version}.{role}.json")
    return data is not None and data != staged_bytes(desk.tree, role)


def _merged(desk: Desk, role: str) -> dict[str, Entry]:
    ours, theirs, base = desk.tree.view(role), desk.tree.live_view(role), base_view(desk, role)
    if role == "root" or (base is not None and ours.delegations != base.delegations):
        text = (
            f"{role} changes who may sign what, and somebody else published it meanwhile: that is not merged"
        )
        raise ConflictError(text, _KEYS.format(role=role))
    if theirs is None or base is None:
        text = f"it is not known from which published version the staged {role} was made"
        raise ConflictError(text, _DECIDE.format(role=role))
    mine = {path for path in ours.entries.keys() | base.entries.keys() if _differ(path, base, ours)}
    split = sorted(path for path in mine if _differ(path, base, theirs) and _differ(path, theirs, ours))
    if split:
        text = f"{role}: both changed {_named(role, split)}, in different ways"
        raise ConflictError(text, _DECIDE.format(role=role))
    kept = {path: entry for path, entry in theirs.entries.items() if path not in mine}
    return kept | {path: ours.entries[path] for path in mine if path in ours.entries}


def _named(role: str, paths: Sequence[str]) -> str:
    """Return paths as people call them; the routes of a wave all carry one order."""
    if is_wave(role):
        return f"what wave {role.rpartition('.')[2]} is ordered to run"
    return ", ".join(paths)


def base_view(desk: Desk, role: str) -> View | None:
    """Return the published version that a staged role was made from; None when it is not known."""
    data = desk.store.read(f"metadata/{desk.tree.base(role)}.{role}.json")
    return load_view(role, data) if data is not None else None


def _differ(path: str, one: View, other: View) -> bool:
    return one.entries.get(path) != other.entries.get(path)


def _stage(desk: Desk, role: str, entries: Mapping[str, Entry], renamed: Renamed) -> None:
    """Put a new version in place of the staged one at once, or drop it when it says nothing new."""
    live = desk.tree.live_view(role)
    assert live is not None  # merged with it before
    if entries == live.entries:
        desk.tree.drop(role)
        return
    with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
        fresh = Tree(desk.live, Path(folder) / "metadata", desk.now)
        with fresh.edit(role) as draft:
            for path in live.entries.keys() - entries.keys():
                draft.drop(path)
            for entry in entries.values():
                draft.put(entry)
            draft.remember_retired({**live.retired, **desk.tree.view(role).retired})
            if role in renamed.highest_seq:
                draft.remember_seq(renamed.highest_seq[role])
        desk.tree.remember_base(role)
        desk.tree.save(role, fresh.metadata(role))
