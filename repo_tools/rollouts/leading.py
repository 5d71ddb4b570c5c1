"""Time for signatures: hosts do not start before people could sign, or all of a spread's hosts start at once.

A spread counts from the order's ``not_before``, which is set when the order is staged. Where several people
must sign, hours may pass before anybody can read it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from metadata.documents import Order
from repo_tools.desk import Desk
from repo_tools.roles import parent, releases
from repo_tools.rollouts.staging import Change, roles_of
from repo_tools.rollouts.state import State

LEAD = timedelta(hours=4)
"""What a second person may need to come to a keyboard, within a working day."""

WARN_ABOVE, FAIL_ABOVE = 0.1, 0.5
"""Parts of a spread that may be over when hosts first read of it."""


def is_spread(order: Order, poll_s: int) -> bool:
    """Return whether an order's spread means anything: one poll already spreads hosts over ``poll_s``."""
    return order.spread_s > poll_s


def began(state: State, order: Order, now: datetime) -> datetime:
    """Return from when on an order's spread counts; a lifted brake begins it anew."""
    return max(filter(None, (order.not_before, state.brake.since)), default=now)


def spent(state: State, order: Order, now: datetime) -> float:
    """Return the part of an order's spread that is over; nothing of one that means nothing, or is to come."""
    if not is_spread(order, state.policy.poll_s):
        return 0.0
    return max(0.0, (now - began(state, order, now)) / timedelta(seconds=order.spread_s))


def slow(desk: Desk, state: State, change: Change, at: datetime) -> list[str]:
    """Return the roles that need more than one signature before hosts may start, where a change spreads them.

    Args:
        desk: The workspace.
        state: The channel.
        change: What is to be staged; a recall and an urgent order never wait.
        at: When its first host would start.
    """
    orders = [order for order in change.orders.values() if order.state == "go" and order.not_before == at]
    waiting = [order for order in orders if order.recall is None and not order.urgent]
    if not any(is_spread(order, state.policy.poll_s) for order in waiting):
        return []
    new = any(not state.catalog.published(order.version) for order in orders)
    return needing_several(
        desk, [*([releases(state.channel.product)] if new else []), *roles_of(state.channel, change)]
    )


def needing_several(desk: Desk, roles: Sequence[str]) -> list[str]:
    """Return the roles that need more than one signature."""
    return [role for role in roles if desk.tree.view(parent(role)).delegations[role].threshold > 1]


def lead_words(roles: Sequence[str], lead: timedelta) -> str:
    """Return why hosts start later than now, in words."""
    hours = lead.total_seconds() / 3600
    return f"hosts start {hours:g} h from now at the earliest: several must sign {', '.join(roles)} (--lead)"
