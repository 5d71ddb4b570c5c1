"""Order single hosts, by their ids: a batch that goes before, or beside, every wave. Pure.

Each has a route of its own in the ``selected`` role, and keeps its order until that ends; then it follows its
wave again. A rollout that goes past a batch, or calls back what it runs, ends it: a host whose batch was
forgotten would stay where it is for good.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from msgspec import structs

from metadata.documents import Order, Recall
from metadata.errors import UnsuitableError, UsageError
from metadata.places import SELECTED_WAVE, pick_route
from metadata.versions import parse, within
from repo_tools.rollouts.orders import Terms, back, begun
from repo_tools.rollouts.refusals import refuse_recalled, refuse_withdrawn, withdrawal
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State

MOST = 2_000
"""Hosts in a batch: all of them read the whole list, and more than that is a wave."""


def select(state: State, version: str | None, agents: Collection[str], terms: Terms) -> Change:
    """Order hosts to run a release, or the newest one, beside those that are selected already.

    Raises:
        UsageError: There are none, or too many.
        UnsuitableError: They would refuse it, or a recall calls hosts back from it.
    """
    version = version or newest(state, terms.not_before)
    refuse_withdrawn(state, version)
    refuse_recalled(state, version, terms.not_before)
    return _joined(state, agents, begun(state, SELECTED_WAVE, version, terms))


def newest(state: State, at: datetime) -> str:
    """Return the newest release that is published and may be ordered.

    Raises:
        UnsuitableError: There is none.
    """
    releases = sorted(map(state.catalog.release, state.catalog.versions), key=lambda one: -one.seq)
    for one in releases:
        if state.catalog.published(one.version) and not withdrawal(state, one, at):
            return one.version
    hint = "tidegate release list shows what there is; a staged one is ordered by its VERSION"
    raise UnsuitableError(f"{state.channel} has no published release that may be ordered", hint)


def recall(state: State, version: str, permission: Recall, terms: Terms, agents: Collection[str]) -> Change:
    """Call single hosts back, beside those that are selected already; they stay there until the batch ends.

    Raises:
        UsageError: There are none, or too many.
        UnsuitableError: They would refuse it, or it leads nowhere.
    """
    return _joined(state, agents, back(state, SELECTED_WAVE, version, permission, terms))


def _joined(state: State, agents: Collection[str], order: Order) -> Change:
    """Return what is selected, with hosts that follow a new order."""
    if not agents:
        raise UsageError("no host is selected", "tidegate agents list shows who there is")
    assert order.not_before is not None  # orders that are begun here say when
    picked = {**live(state.picked, order.not_before), **{pick_route(agent): order for agent in agents}}
    if len(picked) > MOST:
        text = f"{len(picked):,} hosts are too many for a batch; {MOST:,} are the most"
        raise UsageError(text, "take fewer, end the batch before (--clear), or order a wave")
    return Change(picked=picked, hosts=agents)


def clear(state: State) -> Change:
    """End every batch: its hosts follow their waves again.

    Raises:
        UsageError: There is none.
    """
    if not state.picked:
        raise UsageError(f"no host is selected in {state.channel}")
    return Change(picked={})


def carried(state: State, change: Change, now: datetime) -> Change:
    """Return a change of waves that leaves no batch behind: it ends, or goes along if it was called back.

    Hosts that were called back go with the first wave of what mends it, and keep their base: as hosts of
    their wave they would go through what they were called back from.
    """
    newest = max(change.orders.values(), key=lambda order: parse(order.version), default=None)
    if newest is None or not state.picked:
        return change
    kept = {}
    for route, order in live(state.picked, now).items():
        if not left_behind(order, newest):
            kept[route] = order
        elif order.recall:
            kept[route] = structs.replace(newest, wave=SELECTED_WAVE, base=order.base)
    return change if kept == state.picked else replace(change, picked=kept)


def left_behind(selected: Order, newest: Order) -> str:
    """Return how a wave's new order leaves a batch behind; nothing where it does not."""
    if selected.recall and within(newest.version, selected.recall.from_versions):
        return ""  # hosts that were called back from it on purpose
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
