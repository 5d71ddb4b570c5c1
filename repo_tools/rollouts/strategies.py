"""Begin a rollout by its strategy, and widen it, at the pace of a preset. Pure.

``immediate`` orders every wave now; ``scheduled`` orders every wave too, each a while after the last one, so
that one sitting signs them all and the brake stops them; ``gated`` and ``manual`` order the first.
"""

from dataclasses import replace
from datetime import timedelta

from msgspec import structs

from metadata.documents import Order
from repo_tools.rollouts import orders
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.refusals import refuse_everybody
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State


def begin(state: State, version: str, plan: Plan, terms: Terms) -> Change:
    """Return the orders that begin a rollout; what a person said of times wins over the preset.

    Raises:
        UnsuitableError: Agents would refuse it.
    """
    every = plan.strategy in {"immediate", "scheduled"}
    if plan.strategy != "immediate":
        refuse_everybody(state)
    change = orders.start(state, version, "immediate" if every else "manual", terms)
    paced = {
        name: _paced(order, place, plan, terms) for place, (name, order) in enumerate(change.orders.items())
    }
    return replace(change, orders=paced, plan=plan if plan.preset and not every else None)


def widen(state: State, plan: Plan | None, terms: Terms) -> Change:
    """Widen the newest rollout to its next wave at the pace with which it began, or complete it.

    Args:
        state: The channel.
        plan: How the rollout widens; None where nobody said so: at the pace of its last wave.
        terms: What a person says of times wins over the plan.

    Raises:
        UsageError: There is nothing to widen.
        UnsuitableError: It is paused.
    """
    change = orders.promote(state, terms)
    if plan is None:
        return change
    places = {wave.name: place for place, wave in enumerate(state.inhabited)}
    reached = {wave.name for wave in state.in_rollout(state.newest or "")}
    paced = {
        name: order if name in reached else _paced(order, places[name], plan, terms)
        for name, order in change.orders.items()
    }
    return replace(change, orders=paced)


def _paced(order: Order, place: int, plan: Plan, terms: Terms) -> Order:
    pace = plan.pace
    later = timedelta(seconds=pace.after_s * place if plan.strategy == "scheduled" else 0)
    opens = terms.not_before + later
    return structs.replace(
        order,
        not_before=opens,
        not_after=terms.not_after or opens + pace.open_for,
        spread_s=pace.spread(place) if terms.spread_s is None else terms.spread_s,
        urgent=order.urgent or pace.urgent,
    )
