"""Rules about time that ran out: while people signed, so that hosts or waves start at once, or since."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from metadata.documents import Order
from repo_tools.checks.facts import Facts, Finding, Level
from repo_tools.output import moment, when
from repo_tools.roles import BRAKE
from repo_tools.rollouts.leading import FAIL_ABOVE, WARN_ABOVE, began, spent
from repo_tools.rollouts.state import State, has_ended, held_by

APART = timedelta(minutes=30)
"""Waves that begin nearer to each other were promoted one by one, to be published together."""


def late(facts: Facts) -> Iterator[Finding]:
    """A new order, or a lifted brake, whose spread or waves are over in part before a host can read of it."""
    for state in facts.channels:
        yield from _together(facts, state)
        for role, _digest, order in facts.orders(state):
            new, freed = _is_new(facts, role, order), _is_freed(facts, state, order)
            if not (new or freed) or held_by(state.brake, order):
                continue
            over = spent(state, order, facts.now)
            if over > WARN_ABOVE:
                hurts = over > FAIL_ABOVE and order.recall is None and not order.urgent
                level: Level = "error" if hurts else "warning"
                text = _sentence(role, order, began(state, order, facts.now), min(over, 1))
                yield Finding(level, "late", role, text, _anew(state, order, freed=freed and not new))


def ended(facts: Facts) -> Iterator[Finding]:
    """A public order that starts nobody any more, where no base tells a new host what to install."""
    for state in facts.channels:
        for role, _digest, order in facts.orders(state):
            if order == facts.known(role) and order.base is None and has_ended(order, facts.now):
                since = f"{order.rollout} ended at {when(order.not_after)}"
                text = f"{role}: {since}, and new hosts install nothing"
                hint = f"tidegate rollout resume {state.channel} opens it for another week"
                yield Finding("warning", "ended", role, text, hint)


def _together(facts: Facts, state: State) -> Iterator[Finding]:
    """Yield a finding for each new rollout of which waves were to start apart, and start at once."""
    opening: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for role, _digest, order in facts.orders(state):
        if order.not_before and _is_new(facts, role, order) and not held_by(state.brake, order):
            opening[order.rollout].append((order.not_before, order.wave))
    for rollout, times in opening.items():
        past = sorted(one for one in times if one[0] <= facts.now)
        if past and past[-1][0] - past[0][0] > APART:
            level: Level = "error" if len(past) == len(times) else "warning"
            waves = ", ".join(wave for _at, wave in past)
            text = f"{rollout} would start {waves} at once: they were to follow each other"
            yield Finding(level, "late", state.channel.role, text, _apart(state))


def _apart(state: State) -> str:
    resume = f"tidegate rollout resume {state.channel}"
    return f"tidegate unstage its waves, and start it again; {resume} lets them start at once"


def _is_new(facts: Facts, role: str, order: Order) -> bool:
    known = facts.known(role) if role in facts.staged else order
    return order.state == "go" and (known is None or _start(known) != _start(order))


def _start(order: Order) -> tuple[object, ...]:
    return (order.rollout, order.version, order.state, order.not_before, order.spread_s)


def _is_freed(facts: Facts, state: State, order: Order) -> bool:
    before = facts.brakes.get(state.channel.below(BRAKE))
    return before is not None and order.state == "go" and held_by(before, order)


def _sentence(role: str, order: Order, since: datetime, over: float) -> str:
    spread = f"its spread of {order.spread_s} s began at {moment(since)}"
    return f"{role} would start {100 * over:.0f} % of its hosts at once: {spread}"


def _anew(state: State, order: Order, *, freed: bool) -> str:
    if freed:
        return f"tidegate brake {state.channel} --release begins it anew; then sign"
    return f"tidegate rollout resume {state.channel} --wave {order.wave} begins it anew; then sign"
