"""What changes inside of the documents that a role lists, in words: a path alone tells a signer nothing."""

import json
from collections.abc import Mapping
from typing import Any

from repo_tools.desk import Desk
from repo_tools.signed.views import Entry

KINDS = ("policy", "brake", "enrollment")
_LONGEST = 200


def is_told(path: str) -> bool:
    """Return whether what changes in a file is told, beside that it does."""
    return path.rpartition("/")[2] in KINDS


def document_changes(desk: Desk, role: str) -> list[str]:
    """Return a phrase for each field that changes in a role's policy, brake or enrollment."""
    after, before = desk.tree.view(role), desk.tree.live_view(role)
    if before is None:
        return []
    return [
        f"{kind}: {change}"
        for path, entry in after.entries.items()
        if is_told(path) and (kind := path.rpartition("/")[2]) and entry != (old := before.entries.get(path))
        for change in _changes(kind, _document(desk, old), _document(desk, entry))
    ]


def brake_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what a brake holds and lifts that it did not before, who wants it, and why."""
    old, new = _held(before), _held(after)
    parts = [f"{word} {', '.join(names)}" for word, names in _moves(old, new) if names]
    kept = [name for name in new if name in old]
    also = [f"still holds {', '.join(kept)}"] if kept else []
    known_as = [f"{name} {_text(after[name])}" for name in ("by", "reason") if after.get(name)]
    return [", ".join([*(parts or ["holds nothing new"]), *also, *known_as])]


def _changes(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return brake_changes(before, after) if kind == "brake" else field_changes(before, after)


def _held(brake: Mapping[str, Any]) -> list[str]:
    return [str(one.get("rollout") or one.get("version")) for one in brake.get("hold", ())]


def _moves(old: list[str], new: list[str]) -> list[tuple[str, list[str]]]:
    gained, lost = [one for one in new if one not in old], [one for one in old if one not in new]
    return [("holds", gained), ("lifts", lost)]


def field_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what changed between two JSON documents, by field."""
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [f"{name} {_change(before.get(name), after.get(name))}" for name in changed]


def _change(before: Any, after: Any) -> str:
    if isinstance(before or [], list) and isinstance(after or [], list):
        old, new = before or [], after or []
        gains, losses = [one for one in new if one not in old], [one for one in old if one not in new]
        parts = [f"gains {_text(gains)}"] * bool(gains) + [f"loses {_text(losses)}"] * bool(losses)
        return " and ".join(parts) or "in another order"
    return f"{_text(before)} → {_text(after)}"


def _text(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _document(desk: Desk, entry: Entry | None) -> dict[str, Any]:
    found = json.loads(desk.contents.read(entry)) if entry else {}
    return found if isinstance(found, dict) else {"": found}
