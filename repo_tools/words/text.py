"""How values stand in sentences: two different values never read the same. Pure."""

import json
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

LONGEST = 200
"""Characters of one value in a sentence; what is longer is cut, and told by its digest."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._/+*?-]*")


def name(text: str) -> str:
    """Return a name as it is; in quotes when it could be taken for something else."""
    return text if _PLAIN.fullmatch(text) and len(text) <= LONGEST else value(text)


def value(found: Any) -> str:
    """Return a JSON value."""
    return "none" if found is None else cut(exact(found))


def exact(found: Any) -> str:
    """Return a JSON value in full; unlike Python, JSON tells 1 from true."""
    return json.dumps(found, ensure_ascii=False)


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence has them."""
    return cut(", ".join(map(name, names)))


def cut(text: str) -> str:
    """Return a text; of a long one the beginning, and what tells it from all others."""
    if len(text) <= LONGEST:
        return text
    digest = sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{text[:LONGEST]}… ({len(text):,} characters, sha256 {digest})"


def moves(before: Sequence[Any], after: Sequence[Any]) -> tuple[list[Any], list[Any]] | None:
    """Return what was added at the end of a list and what is gone from it; None when that is not all."""
    old, new = [exact(one) for one in before], [exact(one) for one in after]
    gains = [one for one, text in zip(after, new, strict=True) if text not in old]
    losses = [one for one, text in zip(before, old, strict=True) if text not in new]
    kept = [one for one, text in zip(before, old, strict=True) if text in new]
    if [exact(one) for one in [*kept, *gains]] != new:
        return None
    return gains, losses


def changed(before: Any, after: Any) -> str:
    """Return how a value changed; lists by what they gain and lose."""
    if isinstance(before, list) and isinstance(after, list) and (found := moves(before, after)):
        words = zip(("gains", "loses"), found, strict=True)
        return " and ".join(f"{word} {value(some)}" for word, some in words if some)
    return f"{value(before)} → {value(after)}"
