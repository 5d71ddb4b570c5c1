"""A rule about the ids of rollouts: a brake, reports and progress know a rollout by nothing else."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator

from metadata.errors import TidegateError
from repo_tools.checks.facts import Facts, Finding
from repo_tools.checks.past import versions_of
from repo_tools.rollouts.state import State, order_in
from repo_tools.signed.views import Entry


def reused(facts: Facts) -> Iterator[Finding]:
    """A rollout with an id under which another release was published, such as by a thief."""
    for state in facts.channels:
        known = _versions(facts, state)
        for role, _digest, order in facts.orders(state):
            if others := sorted(known[order.rollout] - {order.version}):
                text = f"{role} orders {order.version} by {order.rollout}, which once ordered {others[0]}"
                hint = "a brake and reports take both for one: start it again, under an id of its own"
                yield Finding("warning", "reused", role, text, hint)


def _versions(facts: Facts, state: State) -> dict[str, set[str]]:
    """Return which versions each rollout of a channel ever ordered to waves, as far as anybody looked."""
    found = defaultdict(set)
    for wave in state.waves:
        for entry in _entries(facts, state.channel.below(wave.name)):
            with contextlib.suppress(TidegateError):  # what a thief wrote may be no order
                order = order_in(entry)
                found[order.rollout].add(order.version)
    return found


def _entries(facts: Facts, role: str) -> Iterator[Entry]:
    """Yield one entry of each version of a wave: its routes all carry one order."""
    views = [paper.view() for paper in versions_of(facts, role)]
    for view in (*views, *([facts.before[role]] if role in facts.before else ())):
        yield from list(view.entries.values())[:1]
