"""The orders of single hosts, in words. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from metadata import strict
from metadata.documents import Order
from repo_tools.output import counted, when
from repo_tools.rollouts.selecting import live
from repo_tools.rollouts.state import State, held_by

MOST_NAMED = 10
"""Hosts that a line names."""


def selected(state: State | None, ids: Mapping[str, str], now: datetime) -> list[dict[str, Any]]:
    """Return the orders of single hosts that have not ended, each with its hosts.

    Args:
        state: The channel; None where nothing is public.
        ids: Known ids by route; a host whose id is not known is told by its route.
        now: The present.
    """
    found: dict[bytes, dict[str, Any]] = {}
    if state is None:
        return []
    for route, order in live(state.picked, now).items():
        said = {"hosts": [], "braked": held_by(state.brake, order), "order": strict.to_json(order)}
        found.setdefault(strict.encode(order), said)["hosts"].append(ids.get(route, route))
    return [{**batch, "hosts": sorted(batch["hosts"])} for batch in found.values()]


def batch_lines(found: Sequence[Mapping[str, Any]] | None, mood: str = "") -> list[str]:
    """Return a sentence for each of them; None: they do not change.

    Args:
        found: As ``selected`` returns it.
        mood: What to say before each, where they are not public.
    """
    if found == [] and mood:
        return [f"{mood}no host is selected any more"]
    return [f"{mood}{_line(batch)}" for batch in found or ()]


def _line(batch: Mapping[str, Any]) -> str:
    names, order = batch["hosts"], strict.convert(batch["order"], Order)
    stands = "braked" if batch["braked"] else order.state
    recalled = f", recalls {order.recall.from_versions}" if order.recall else ""
    until = f" until {when(order.not_after)}" if order.not_after else ""
    shown = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
    what = f"{order.version}, {order.rollout}, {stands}{recalled}"
    return f"selected{until}: {counted(len(names), 'host')} ({what}): {shown}"
