"""Several products on one host, pure: one trial at a time, and who waits for whom.

These rules come after ``decide`` and can only hold a start back. They use what this host alone knows, so they
are no part of the contract that auditors replay.
"""

from collections.abc import Mapping, Sequence

import msgspec

from agent.settings import ProductSettings
from agent.states import State
from metadata.facts import Decision
from metadata.versions import within

OPEN = frozenset({State.SWITCHING, State.ON_TRIAL, State.ROLLING_BACK})
"""Between a switch and its end: a second one would make it unclear what made the host unwell."""


class Neighbour(msgspec.Struct, frozen=True):
    """Another product on this host."""

    running: str | None
    state: State


def hold_back(decision: Decision, needs: Mapping[str, str], neighbours: Mapping[str, Neighbour]) -> Decision:
    """Return the decision, or that it must wait for another product.

    Args:
        decision: What ``decide`` said.
        needs: The versions of other products that an update needs, by name.
        neighbours: The other products, by name.
    """
    if not decision.goes:
        return decision
    if busy := on_trial(neighbours):
        return _wait(decision, "trial", f"until {busy} is no longer on trial")
    if decision.action == "recall":  # the way back from something bad waits for nobody
        return decision
    for name, span in needs.items():
        running = neighbours[name].running
        if running is None or not within(running, span):
            here = f"{running} runs here" if running else "it is not installed"
            return _wait(decision, "needs", f"until {name} is {span}; {here}")
    return decision


def on_trial(neighbours: Mapping[str, Neighbour]) -> str | None:
    """Return the name of a product whose switch has not come to an end."""
    return next((name for name, found in neighbours.items() if found.state in OPEN), None)


def in_order(products: Sequence[ProductSettings], states: Mapping[str, State]) -> list[str]:
    """Return the names in the order of their turns: open trials first, and what others need before them."""
    found: list[str] = []
    needs = {entry.name: list(entry.needs) for entry in products}

    def visit(name: str) -> None:
        for other in needs[name]:
            visit(other)
        if name not in found:
            found.append(name)

    for name in sorted(needs, key=lambda name: states[name] not in OPEN):
        visit(name)
    return found


def _wait(decision: Decision, rule: str, text: str) -> Decision:
    return Decision("wait", rule, f"{decision.version} waits {text}", decision.version, may_stage=True)
