"""What a person should know before ordering something that is allowed. Pure."""

from metadata.documents import Order
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State


def warnings(state: State, change: Change) -> list[str]:
    """Return a sentence for each thing that may surprise."""
    ordered = list(change.orders.values())
    return [*_braked(state, ordered), *_unserved(state, ordered)]


def _braked(state: State, ordered: list[Order]) -> list[str]:
    held = {order.rollout for order in ordered if state.brake.holds_rollout(order.rollout)}
    held |= {order.version for order in ordered if state.brake.holds_version(order.version)}
    hint = f"tidegate brake {state.channel} --release lifts it"
    return [f"the brake holds {what}; {hint}" for what in sorted(held)]


def _unserved(state: State, ordered: list[Order]) -> list[str]:
    """Name platforms that a wave runs now and that the new release has nothing for."""
    found = set()
    before = {wave.name: wave.order for wave in state.waves}
    for order in ordered:
        now = before.get(order.wave)
        if now is None or now.version == order.version:
            continue
        has = {part.platform for part in state.catalog.release(order.version).artifacts}
        had = {part.platform for part in state.catalog.release(now.version).artifacts}
        found |= {f"{order.version} has nothing for {name}, which {now.version} has" for name in had - has}
    return sorted(found)
