"""The pages of earlier rollouts: what was ordered, by whom, and what became of the hosts that took it.

Which rollouts there were is read from the signed history, never from what hosts claim.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from metadata.documents import Order
from repo_tools.audit.evidence import order_of
from repo_tools.audit.history import History
from repo_tools.pages.heard import Heard
from repo_tools.pages.model import EarlierRollout, EarlierWave, Part, SignedChange
from repo_tools.roles import is_wave, parent
from repo_tools.rollouts.state import number

MOST = 30
"""Rollouts of a channel that have a page of their own; ``tidegate log`` has all."""
MOST_SIGNED = 30
Begun = list[tuple[datetime | None, Order]]
"""The orders of a rollout with the time at which each became public, one for each wave."""


def earlier(
    history: History, heard: Heard, newest: Mapping[str, str], signed: Sequence[SignedChange]
) -> dict[str, tuple[EarlierRollout, ...]]:
    """Return the rollouts of each channel that another one followed, the newest first.

    Args:
        history: All that was published.
        heard: The lake.
        newest: The channels, each with its newest rollout.
        signed: All published changes, the newest first.
    """
    counts = _counts(heard)
    found: dict[str, tuple[EarlierRollout, ...]] = {}
    for channel, begun in _begun(history).items():
        ids = sorted(begun, key=number, reverse=True)
        pages = [
            _page(channel, begun[one], counts[channel, one], _signed(channel, one, signed))
            for one in ids
            if one != newest.get(channel)
        ]
        found[channel] = tuple(pages[:MOST])
    return found


def _begun(history: History) -> dict[str, dict[str, Begun]]:
    """Return the first order of each rollout in each wave, by channel and rollout."""
    once = cache(order_of)
    found: dict[str, dict[str, Begun]] = defaultdict(lambda: defaultdict(list))
    known = set()
    for step in history.steps:
        for role, paper in step.brought.items():
            order = once(paper) if is_wave(role) else None
            if order and (role, order.rollout) not in known:
                known.add((role, order.rollout))
                found[parent(role).replace(".", "/")][order.rollout].append((step.after.at, order))
    return found


def _counts(heard: Heard) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """Return what became of hosts, by channel and rollout, and then by wave."""
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in heard.named("outcomes"):
        found[f"{row['product']}/{row['channel']}", row["rollout"]][row["wave"]] = row
    return found


def _page(
    channel: str, begun: Begun, counts: Mapping[str, Mapping[str, Any]], signed: Iterator[SignedChange]
) -> EarlierRollout:
    began, first = begun[0]
    return EarlierRollout(
        channel=channel,
        page=f"rollout.{channel.replace('/', '.')}.{number(first.rollout)}.html",
        rollout=first.rollout,
        version=first.version,
        by=first.by,
        reason=first.reason,
        recall=first.recall.from_versions if first.recall else "",
        began=began,
        waves=tuple(_wave(order, at, counts.get(order.wave, {})) for at, order in begun),
        signed=tuple(one for one, _ in zip(signed, range(MOST_SIGNED), strict=False)),
    )


def _wave(order: Order, at: datetime | None, row: Mapping[str, Any]) -> EarlierWave:
    parts = (("ok", "healthy", "ok"), ("failed", "failed", "failed"), ("waiting", "unfit", "unfit"))
    return EarlierWave(
        name=order.wave,
        ordered=at,
        opens=order.not_before,
        hosts=row.get("hosts", 0),
        back=row.get("back", 0),
        parts=(
            *(Part(kind, label, row.get(name, 0)) for kind, label, name in parts),
            Part("silent", "no outcome", row.get("silent", 0)),
        ),
    )


def _signed(channel: str, rollout: str, signed: Sequence[SignedChange]) -> Iterator[SignedChange]:
    """Yield the changes of a channel that name a rollout."""
    role, named = f"{channel.replace('/', '.')}.", f"rollout {rollout};"
    return (one for one in signed if one.role.startswith(role) and named in f"{one.text};")
