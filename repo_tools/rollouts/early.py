"""Refuse to widen a rollout before its last wave began, or to complete one that still spreads. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from metadata.documents import Order
from metadata.errors import UnsuitableError
from repo_tools.output import when
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, held_by


def refuse_early(state: State, live: Mapping[str, Order], change: Change, now: datetime) -> None:
    """Refuse a promotion that comes before what it builds on.

    Args:
        state: The channel.
        live: What hosts are ordered to run, by wave.
        change: The promotion.
        now: When it is staged.

    Raises:
        UnsuitableError: It does; it says until when to wait.
    """
    reached = _reached(state)
    if _completes(change, reached):
        for order in reached:
            _refuse_braked(state, order)
            _refuse_unfinished(state, order, live.get(order.wave), now)
        return
    begins = reached[-1].not_before
    for order in change.orders.values():
        if begins and begins > max(order.not_before or now, now):
            text = (
                f"{order.wave} would start before {reached[-1].wave}, where hosts start from {when(begins)}"
            )
            raise UnsuitableError(text, "wait until then, give a later --not-before, or say --early")


def unpublished(state: State, live: Mapping[str, Order], change: Change) -> list[str]:
    """Return a sentence where a rollout is widened from a wave whose order no host can read yet."""
    reached = _reached(state)
    if _completes(change, reached) or live.get(reached[-1].wave) == reached[-1]:
        return []
    return [f"{reached[-1].rollout} is not published in {reached[-1].wave}: nobody saw it do well there"]


def _refuse_braked(state: State, order: Order) -> None:
    if held_by(state.brake, order):
        text = f"the brake holds {order.rollout}, and completing it would start every host below it"
        hint = f"tidegate brake {state.channel} --release lifts it; or say --early: a brake holds no base"
        raise UnsuitableError(text, hint)


def _refuse_unfinished(state: State, order: Order, live: Order | None, now: datetime) -> None:
    hint = f"or say --early: every host below {order.version} then goes there at once, whatever the spread"
    if live != order:
        text = f"{order.rollout} is not published in {order.wave}"
        raise UnsuitableError(text, f"tidegate sign, tidegate publish, then complete it; {hint}")
    ends = spread_until(state, order, now)
    if ends > now:
        text = f"the hosts of {order.wave} start by {order.rollout} until {when(ends)}"
        raise UnsuitableError(text, f"wait until then; {hint}")


def spread_until(state: State, order: Order, now: datetime) -> datetime:
    """Return when the last host of an order starts, if none of them is late."""
    started = max(order.not_before or now, state.brake.since or order.not_before or now)
    return started + timedelta(seconds=order.spread_s)


def _completes(change: Change, reached: list[Order]) -> bool:
    return change.orders.keys() == {order.wave for order in reached}


def _reached(state: State) -> list[Order]:
    return [wave.order for wave in state.in_rollout(state.newest or "") if wave.order]
