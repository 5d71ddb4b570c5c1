"""Begin a rollout by its strategy, at the pace of a preset. Pure.

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
    return replace(change, orders=paced, plan=plan if plan.strategy == "gated" else None)


def _paced(order: Order, place: int, plan: Plan, terms: Terms) -> Order:
    pace = plan.pace
    later = timedelta(seconds=pace.after_s * place if plan.strategy == "scheduled" else 0)
    opens = terms.not_before + later
    return structs.replace(
        order,
        not_before=opens,
        not_after=terms.not_after or opens + pace.open_for,
        spread_s=pace.spread(place) if terms.spread_s is None else terms.spread_s,
        urgent=terms.urgent or pace.urgent,
    )
