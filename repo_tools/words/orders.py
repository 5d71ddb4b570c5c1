"""Orders: what routes are to run from now on, in words. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from metadata.documents import Evidence, Order, Recall
from metadata.fields import Pointer
from repo_tools.output import span, when
from repo_tools.rollouts.state import order_in
from repo_tools.signed.views import Entry
from repo_tools.words.text import changed, exact, listed, name, value

_TERMS = ("not_before", "spread_s", "not_after")
_AT_ONCE = "hosts below it go there at once, whatever the spread"
"""What stands in the main sentence."""


@dataclass(frozen=True)
class Asked:
    """Routes that are ordered the same, and what their orders are measured by."""

    role: str
    share: str
    """The part of the fleet that follows them."""
    documents: Mapping[str, Entry]
    """The release documents that the releases role lists, by version: an expected digest is not said."""


def order_changes(new: Entry, old: Entry | None, asked: Asked) -> list[str]:
    """Return phrases for what a route is ordered, the main sentence first; none where nothing changed.

    Args:
        new: The route from now on.
        old: The same before; None when nothing stood there.
        asked: What to measure it by.
    """
    after, before = order_in(new), order_in(old) if old else None
    if before and (before.version, before.rollout) == (after.version, after.rollout):
        told = [*_differences(before, after, asked), *_files(new, old, asked)]
        return [f"{after.version}, {told[0]}", *told[1:]] if told else []
    return [_main(before, after, asked), *_details(before, after, asked), *_files(new, None, asked)]


def _main(before: Order | None, after: Order, asked: Asked) -> str:
    kind = " (recall)" if after.recall else ""
    together = "" if after.spread_s or after.not_before is None else "all at once "
    terms = [together + _PHRASES["not_before"](after, asked)]
    terms += [_PHRASES[field](after, asked) for field in _TERMS[1:] if getattr(after, field)]
    way = f"{before.version if before else 'nothing'} → {after.version}{kind}"
    return f"{way} for {asked.share}, {', '.join(terms)}"


def _details(before: Order | None, after: Order, asked: Asked) -> list[str]:
    """Return phrases for what is not usual; a base that stays says nothing."""
    usual = _usual(after, asked.role)
    known = {**usual, "base": before.base if before else None}
    odd = [field for field in _PHRASES if field not in _TERMS and getattr(after, field) != known[field]]
    return [f"rollout {name(after.rollout)}", *(_PHRASES[field](after, asked) for field in odd)]


def _differences(before: Order, after: Order, asked: Asked) -> list[str]:
    fields = [field for field in _PHRASES if getattr(before, field) != getattr(after, field)]
    ends = {"base", "not_after"}
    whole = after.base and after.base.version == after.version and after.not_after is None
    if whole and ends <= set(fields):
        rest = [_PHRASES[field](after, asked) for field in fields if field not in ends]
        odd = _digest(after.base, asked) if after.base else ""
        return [f"complete: the base from now on{odd}, without an end", _AT_ONCE, *rest]
    return [_PHRASES[field](after, asked) for field in fields]


def _usual(order: Order, role: str) -> dict[str, Any]:
    """Return the values that need not be said."""
    product, channel, wave = role.split(".")
    plain = Order(
        product=product, channel=channel, wave=wave, rollout=order.rollout, version=order.version, state="go"
    )
    return {field: getattr(plain, field) for field in plain.__struct_fields__}


def _digest(pointer: Pointer, asked: Asked) -> str:
    """Return a document's digest where the releases role lists another one, or none."""
    known = asked.documents.get(pointer.version)
    if known and known.sha256 == pointer.sha256:
        return ""
    return f" with document sha256 {pointer.sha256}, which is not that of the release"


def _files(new: Entry, old: Entry | None, asked: Asked) -> list[str]:
    """Return phrases for a document that is not the release's, and for what stands beside the order."""
    version, parts = order_in(new).version, []
    known = asked.documents.get(version)
    if known is None or (known.sha256, known.length) != (new.sha256, new.length):
        parts.append(
            f"with a document of {new.length:,} bytes, sha256 {new.sha256}, which is not that of {version}"
        )
    elif old and (old.sha256, old.length) != (new.sha256, new.length):
        parts.append(f"with the document of {version} as it is now, sha256 {new.sha256}")
    was, now = _beside(old), _beside(new)
    fields = [field for field in {**was, **now} if exact(was.get(field)) != exact(now.get(field))]
    return parts + [f"{name(field)} {changed(was.get(field), now.get(field))}" for field in fields]


def _beside(entry: Entry | None) -> dict[str, Any]:
    custom = entry.custom if entry and isinstance(entry.custom, dict) else {}
    return {field: found for field, found in custom.items() if field != "tidegate"}


def _base(order: Order, asked: Asked) -> str:
    return f"base {order.base.version}{_digest(order.base, asked)}" if order.base else "no base"


def _recall(found: Recall | None) -> str:
    if found is None:
        return "recalls nothing"
    until = f" until {when(found.until)}" if found.until else ""
    return f"recalls {found.from_versions}{until}" + (f": {value(found.reason)}" if found.reason else "")


def _evidence(found: Evidence | None) -> str:
    if found is None:
        return "no evidence"
    counts = found.counts
    heard = f"{counts.heard} of {counts.expected} heard, {counts.ok} ok, {counts.failed} failed"
    return f"evidence: {heard}, {counts.silent} silent, sha256 {found.sha256}"


_PHRASES: Mapping[str, Callable[[Order, Asked], str]] = {
    "state": lambda order, _: "goes on" if order.state == "go" else "on hold",
    "not_before": lambda order, _: f"from {when(order.not_before)}" if order.not_before else "at once",
    "spread_s": lambda order, _: f"spread over {span(order.spread_s)}" if order.spread_s else "not spread",
    "not_after": lambda order, _: f"until {when(order.not_after)}" if order.not_after else "without an end",
    "recall": lambda order, _: _recall(order.recall),
    "urgent": lambda order, _: "urgent: maintenance windows do not count" if order.urgent else "not urgent",
    "retry": lambda order, _: f"retry {order.retry}",
    "base": _base,
    "evidence": lambda order, _: _evidence(order.evidence),
    "by": lambda order, _: f"by {name(order.by)}" if order.by else "by nobody named",
    "reason": lambda order, _: f"reason {value(order.reason)}" if order.reason else "without a reason",
    "critical": lambda order, _: f"critical fields: {listed(order.critical) or 'none'}",
    "product": lambda order, _: f"for product {name(order.product)}",
    "channel": lambda order, _: f"for channel {name(order.channel)}",
    "wave": lambda order, _: f"for wave {name(order.wave)}",
}
"""Tells what an order says in a field; version and rollout are told by themselves."""
