"""A rule about brakes: whoever pulls one holds what is ordered, as far as that workspace knows."""

from collections.abc import Iterator
from datetime import datetime

from metadata.documents import Order
from repo_tools.checks.facts import Facts, Finding, Level
from repo_tools.output import when
from repo_tools.roles import BRAKE, SELECTED
from repo_tools.rollouts.braking import ahead
from repo_tools.rollouts.leading import LEAD
from repo_tools.rollouts.state import State, held_by, number, order_in


def braked(facts: Facts) -> Iterator[Finding]:
    """A rollout that begins beside one that is held, or any while a brake is dated far ahead.

    It is an error where it was prepared before the brake. What a recovery brings back does not begin.
    """
    for state in facts.channels:
        for text, hint in ahead(state, facts.now + LEAD):
            yield Finding("warning", "braked", state.channel.below(BRAKE), text, hint)
        held = [entry.rollout for entry in state.brake.hold if entry.rollout]
        since = state.brake.since
        if not held or since is None:
            continue
        beginning = {(role, order.rollout): order for role, order in _beginning(facts, state)}
        for (role, rollout), order in beginning.items():
            blind = order.not_before is None or order.not_before <= since
            level: Level = "error" if blind else "warning"
            past = f"which holds {max(held, key=number)} since {when(since)}"
            text = f"{role} would start {rollout} past the brake, {past}"
            taken = "--all" if state.channel.role in facts.staged else role
            yield Finding(level, "braked", role, text, _hint(state, taken, facts.now))


def _hint(state: State, taken: str, now: datetime) -> str:
    """Return what to do; a brake that is dated ahead is mended first, as nothing can be ordered after it.

    Args:
        state: The channel.
        taken: What is taken back: a role, or everything where the channel's keys may change with it.
        now: The present.
    """
    mended = [f"{hint}; then" for _text, hint in ahead(state, now)]
    usual = [f"tidegate brake {state.channel} holds it, too; or"]
    return " ".join([*(mended or usual), f"tidegate unstage {taken}, and order it anew"])


def _beginning(facts: Facts, state: State) -> Iterator[tuple[str, Order]]:
    """Yield roles with orders of rollouts that they did not have, that start hosts and call nobody back."""
    picked = state.channel.below(SELECTED)
    fresh = facts.staged - facts.restored
    orders = [(role, order) for role, _digest, order in facts.orders(state)]
    for role, order in (*orders, *((picked, order) for order in state.picked.values())):
        if role not in fresh or order.state != "go" or order.recall or held_by(state.brake, order):
            continue
        before = facts.before[role].entries.values() if role in facts.before else ()
        if order.rollout not in {order_in(entry).rollout for entry in before}:
            yield role, order
