"""Order single hosts, by their ids: a batch that goes before, or beside, every wave. Pure.

Each has a route of its own in the ``selected`` role, and keeps its order until that ends; then it follows its
wave again. A rollout that goes past a batch, or calls back what it runs, ends it: a host whose batch was
forgotten would stay where it is for good.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from metadata.documents import Order
from metadata.errors import UsageError
from metadata.places import SELECTED_WAVE, pick_route
from metadata.versions import parse, within
from repo_tools.rollouts.orders import Terms, begun
from repo_tools.rollouts.refusals import refuse_withdrawn
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State

MOST = 2_000
"""Hosts in a batch: all of them read the whole list, and more than that is a wave."""


def select(state: State, version: str, agents: Collection[str], terms: Terms) -> Change:
    """Order hosts to run a release, beside those that are selected already.

    Raises:
        UsageError: There are none, or too many.
        UnsuitableError: They would refuse it.
    """
    if not agents:
        raise UsageError("no host is selected", "tidegate agents list shows who there is")
    refuse_withdrawn(state, version)
    order = begun(state, SELECTED_WAVE, version, terms)
    picked = {**live(state.picked, terms.not_before), **{pick_route(agent): order for agent in agents}}
    if len(picked) > MOST:
        text = f"{len(picked):,} hosts are too many for a batch; {MOST:,} are the most"
        raise UsageError(text, "take fewer, end the batch before (--clear), or order a wave")
    return Change(picked=picked)


def clear(state: State) -> Change:
    """End every batch: its hosts follow their waves again.

    Raises:
        UsageError: There is none.
    """
    if not state.picked:
        raise UsageError(f"no host is selected in {state.channel}")
    return Change(picked={})


def carried(state: State, change: Change, now: datetime) -> Change:
    """Return a change of waves that also ends the batches which it would leave behind."""
    newest = max(change.orders.values(), key=lambda order: parse(order.version), default=None)
    if newest is None or not state.picked:
        return change
    kept = {
        route: order for route, order in live(state.picked, now).items() if not left_behind(order, newest)
    }
    return change if kept == state.picked else replace(change, picked=kept)


def left_behind(selected: Order, newest: Order) -> str:
    """Return how a wave's new order leaves a batch behind; nothing where it does not."""
    if newest.recall and within(selected.version, newest.recall.from_versions):
        return f"still orders {selected.version}, which {newest.rollout} recalls"
    if parse(selected.version) < parse(newest.version):
        return f"stays at {selected.version} when {newest.rollout} goes to {newest.version}"
    return ""


def live(picked: Mapping[str, Order], now: datetime) -> dict[str, Order]:
    """Return the routes whose order has not ended."""
    return {
        route: order for route, order in picked.items() if order.not_after is None or order.not_after > now
    }
