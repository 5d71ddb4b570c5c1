"""What changes inside of the documents that a role lists, in words: a path alone tells a signer nothing."""

import json
from collections.abc import Mapping
from typing import Any

from repo_tools.desk import Desk
from repo_tools.signed.views import Entry

KINDS = ("policy", "brake", "enrollment")
_LONGEST = 200


def document_changes(desk: Desk, role: str) -> list[str]:
    """Return a phrase for each field that changes in a role's policy, brake or enrollment."""
    after, before = desk.tree.view(role), desk.tree.live_view(role)
    if before is None:
        return []
    return [
        f"{kind}: {change}"
        for path, entry in after.entries.items()
        if (kind := path.rpartition("/")[2]) in KINDS and entry != (old := before.entries.get(path))
        for change in field_changes(_document(desk, old), _document(desk, entry))
    ]


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
