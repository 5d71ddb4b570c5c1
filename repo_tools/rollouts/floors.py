"""The floor that a rollout leaves behind: nothing older than what ran before it is started again. Pure."""

from metadata.documents import Order
from repo_tools.rollouts.state import State


def floor_after(state: State, order: Order) -> int:
    """Return the floor after a rollout: the release that ran before it, which a recall may still need.

    Where no rollout was completed before, nobody says which of the older releases ran: none is shut out.
    """
    catalog, policy = state.catalog, state.policy
    own = catalog.release(order.version).seq
    known = catalog.versions
    if order.base and order.base.version in known:
        before = catalog.release(order.base.version).seq
    else:
        before = min((seq for version in known if (seq := catalog.release(version).seq) < own), default=0)
    vias = _via_seqs(state, known)
    return max(policy.floor_seq, min([before, own, *vias]))


def _via_seqs(state: State, known: frozenset[str]) -> list[int]:
    """Return the numbers of the releases that barriers of ordered releases lead through."""
    asked = {wave.order.version for wave in state.waves if wave.order}
    found: dict[str, int] = {}
    while asked:
        via = state.catalog.release(asked.pop()).via
        if via and via.version in known and via.version not in found:
            found[via.version] = state.catalog.release(via.version).seq
            asked.add(via.version)
    return list(found.values())
