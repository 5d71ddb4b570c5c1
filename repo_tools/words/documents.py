"""Policy, brake and enrollment: what changes inside of the documents that a role lists, in words. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from metadata.documents import Brake, Enrollment, Policy
from metadata.strict import to_json
from repo_tools.output import span, when
from repo_tools.roles import BRAKE, POLICY
from repo_tools.words.text import changed, exact, moves, name, value
from repo_tools.words.trust import key_of, presented

Json = Mapping[str, Any]
Phrase = Callable[[Any, Any], list[str]]
"""Tells a field's change, by its value before (None when it was not said) and after."""
ENROLLMENT = "enrollment"
KINDS = (POLICY, BRAKE, ENROLLMENT)


def document_changes(role: str, path: str, before: Json | None, after: Json) -> list[str]:
    """Return a phrase for each field that changes in a document.

    Args:
        role: The role that lists it.
        path: Its target path; the last part says what it is.
        before: What was public; None before the first.
        after: What will be.
    """
    kind = path.rpartition("/")[2]
    usual = _usual(kind, path)
    old = {**usual, **(before or {})}
    new = {**usual, **after}
    phrases = _PHRASES[kind]
    told = brake_changes(old, new) if kind == BRAKE else []
    for field in {**old, **new}:
        if exact(old.get(field)) != exact(new.get(field)):
            known = phrases.get(field)
            told += known(old.get(field), new.get(field)) if known else _plain(field, old, new, before)
    return told if role.endswith(f".{kind}") else [f"{kind}: {phrase}" for phrase in told]


def brake_changes(before: Json, after: Json) -> list[str]:
    """Return what a brake holds and lifts that it did not before, who wants it, and why."""
    pairs = [[_held(one) for one in document.get("hold", ())] for document in (before, after)]
    found = moves(*pairs)
    if found is None:
        parts = [f"holds {value(pairs[0])} → {value(pairs[1])}"]
    else:
        gains, losses = found
        kept = [one for one in pairs[0] if one not in losses]
        sets = (("holds", gains), ("lifts", losses), ("still holds", kept))
        parts = [f"{word} {', '.join(some)}" for word, some in sets if some] or ["holds nothing"]
    known_as = [f"{field} {_text(after[field])}" for field in ("by", "reason") if after.get(field)]
    return [", ".join([*parts, *known_as])]


def _usual(kind: str, path: str) -> Json:
    """Return what stands in a document of which nothing was said."""
    product, channel = [*path.split("/"), "", ""][1:3]
    match kind:
        case "policy":
            return {**to_json(Policy(product=product, channel=channel, salt="")), "salt": None}
        case "brake":
            return to_json(Brake())
    return to_json(Enrollment())


def _plain(field: str, old: Json, new: Json, before: Json | None) -> list[str]:
    if before is None and not isinstance(new.get(field), list):
        return [f"{name(field)} {value(new.get(field))}"]
    return [f"{name(field)} {changed(old.get(field), new.get(field))}"]


def _held(entry: Any) -> str:
    """Return what an entry of a brake holds; a rollout that looks like a version is in quotes."""
    match entry:
        case {"version": str(version), **rest} if not rest:
            return name(version)
        case {"rollout": str(rollout), **rest} if not rest:
            return value(rollout) if rollout[:1].isdigit() else name(rollout)
    return value(entry)


def _text(found: Any) -> str:
    return name(found) if isinstance(found, str) and "@" in found else value(found)


def _each(gained: str, lost: str, told: Callable[[Any], str]) -> Phrase:
    """Return the phrase of a list to which entries are added, and from which they are taken."""

    def phrase(before: Any, after: Any) -> list[str]:
        found = moves(before, after) if isinstance(before, list) and isinstance(after, list) else None
        if found is None:
            return [f"{gained}: {value(before)} → {value(after)}"]
        gains, losses = found
        return [*(f"{gained} {told(one)}" for one in gains), *(f"{lost} {told(one)}" for one in losses)]

    return phrase


def _revoked(entry: Any) -> str:
    match entry:
        case {"version": str(version), "reason": str(reason), **rest} if not rest:
            return f"{name(version)}: {value(reason) if reason else 'no reason given'}"
    return value(entry)


def _shares(entries: Any) -> str:
    shares = [one for one in entries if one.keys() == {"name", "percent"}]
    if len(shares) < len(entries):
        return value(entries)
    return ", ".join(f"{name(one['name'])} {_share(one['percent'])}" for one in shares) or "none"


def _share(percent: Any) -> str:
    """Return how much of a fleet a wave and those before it are; 0 where hosts are named one by one."""
    return "single hosts" if percent == "0" else f"{name(percent)} %"


def _token_key(entry: Any) -> str:
    """Return a key by its name and id, when these say all that stands there."""
    info = key_of(entry)
    return presented(info) if info else value(entry)


def _since(_before: Any, after: Any) -> list[str]:
    try:
        return [f"since {when(datetime.fromisoformat(after))}"]
    except (TypeError, ValueError):
        return [f"since {value(after)}"]


def _places(before: Any, after: Any) -> list[str]:
    way = value(after) if before is None else f"{value(before)} → {value(after)}"
    return [
        f"places are drawn with salt {way}" if before is None else f"new places for all hosts, salt {way}"
    ]


def _reports(_before: Any, after: Any) -> list[str]:
    match after:
        case None:
            return ["no reports"]
        case {"url": str(url), "heartbeat_s": int(seconds), **rest} if not rest:
            return [f"reports go to {name(url)}, at least every {span(seconds)}"]
    return [f"report {value(after)}"]


_PHRASES: Mapping[str, Mapping[str, Phrase]] = {
    POLICY: {
        "floor_seq": lambda before, after: [f"floor {value(before)} → {value(after)}"],
        "revoked": _each("revokes", "no longer revokes", _revoked),
        "salt": _places,
        "report": _reports,
        "waves": lambda before, after: [f"waves {_shares(before)} → {_shares(after)}"],
    },
    BRAKE: {
        "since": _since,
        **dict.fromkeys(("hold", "by", "reason"), lambda _before, _after: []),  # told together
    },
    ENROLLMENT: {
        "keys": _each("lets registration tokens be signed by", "no longer by", _token_key),
        "revoked_tokens": _each("revokes token", "no longer revokes token", name),
        "revoked_agents": _each("revokes agent", "no longer revokes agent", name),
    },
}
