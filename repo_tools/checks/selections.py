"""Rules about live selections: hosts that were picked by name keep their order until somebody renews it."""

from collections.abc import Iterator
from datetime import datetime

from metadata.documents import Order
from repo_tools.checks.facts import Facts, Finding, Level
from repo_tools.roles import SELECTED, is_wave
from repo_tools.rollouts.refusals import withdrawal
from repo_tools.rollouts.selecting import left_behind
from repo_tools.rollouts.state import State, order_in
from repo_tools.signed.views import View

_HINT = "tidegate agents select --clear ends the selection; publish both together"


def forgotten(facts: Facts) -> Iterator[Finding]:
    """A live selection that a start, a promotion or a recall forgot: its hosts would stay where they are."""
    for state in facts.channels:
        role = state.channel.below(SELECTED)
        newest = _newest(facts, state)
        if newest is None or role not in facts.after:
            continue
        for order in _live(facts.after[role], facts.now):
            text = left_behind(order, newest)
            if text:
                yield Finding(
                    "error", "forgotten", role, f"{order.rollout}, a selection of hosts, {text}", _HINT
                )


def unfit(facts: Facts) -> Iterator[Finding]:
    """A live selection of what was withdrawn: hosts refuse it, or run what others are called back from.

    An error where this publication brings it; else a warning, because revoking must be possible at once.
    """
    for state in facts.channels:
        role = state.channel.below(SELECTED)
        known = list(_live(facts.before[role], facts.now)) if role in facts.before else []
        for order in _live(facts.after[role], facts.now) if role in facts.after else ():
            for version, word in _withdrawn(state, order, facts.now):
                level: Level = "warning" if order in known else "error"
                text = f"{order.rollout}, a selection of hosts, orders {version}, which is {word}"
                yield Finding(level, "unfit", role, text, _HINT)


def _withdrawn(state: State, order: Order, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield what was withdrawn of a selection's version or base, and how; a base may be recalled."""
    at = max(order.not_before or now, now)
    named = {order.version, *([order.base.version] if order.base else [])}
    for version in sorted(named & state.catalog.versions):
        word = withdrawal(state, state.catalog.release(version), at)
        if word and (version == order.version or word != "recalled"):
            yield version, word


def _newest(facts: Facts, state: State) -> Order | None:
    """Return the order that this publication brings to a wave which it did not have before."""
    for wave in state.waves:
        role = state.channel.below(wave.name)
        if role not in facts.staged or not is_wave(role) or wave.order is None:
            continue
        known = facts.known(role)
        if known is None or (known.rollout, known.version) != (wave.order.rollout, wave.order.version):
            return wave.order
    return None


def _live(view: View, now: datetime) -> Iterator[Order]:
    """Yield each different order on the routes of single hosts that has not ended."""
    seen = set()
    for entry in view.entries.values():
        order = order_in(entry)
        key = (order.rollout, order.version)
        if key not in seen and (order.not_after is None or order.not_after > now):
            seen.add(key)
            yield order
