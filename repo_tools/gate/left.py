"""What an earlier run of the job staged and nobody published: it was killed, or people had to sign.

The job finishes its own work and nobody else's. What only its keys would sign it prepares anew, by what is
known now; what people signed is published as they signed it, or waits for the rest of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metadata.documents import Order
from repo_tools.desk import Desk
from repo_tools.gate.advance import Step
from repo_tools.roles import SELECTED, Channel
from repo_tools.rollouts.leading import WARN_ABOVE, spent
from repo_tools.rollouts.selecting import carried
from repo_tools.rollouts.staging import Change, roles_of
from repo_tools.rollouts.state import State, read_state
from repo_tools.signed.signing import is_public, signings
from repo_tools.signing import at_hand, missing


@dataclass(frozen=True)
class Left:
    """What is staged in a channel, and not public."""

    own: Sequence[str] = ()
    """Roles that the job prepared: they open a wave of the rollout that was judged, on evidence."""
    others: Sequence[str] = ()
    """Roles that somebody else prepares."""


def left(desk: Desk, channel: Channel, step: Step) -> Left:
    """Return what is staged in a channel, by who prepared it."""
    staged = [role for role in desk.tree.staged() if f"{role}.".startswith(f"{channel.role}.")]
    staged = [role for role in staged if not is_public(desk.tree, role)]
    live, ahead = read_state(desk.published(), channel), read_state(desk, channel)
    orders = _opened(live, ahead, step) if staged else {}
    own = [channel.below(wave) for wave in orders]
    if own and channel.below(SELECTED) in staged and _goes_along(desk, live, ahead, orders):
        own.append(channel.below(SELECTED))
    return Left(own, [role for role in staged if role not in own])


def is_anew(desk: Desk, channel: Channel, roles: Sequence[str], step: Step) -> bool:
    """Return whether roles that the job staged are to be staged anew: no person's work is lost by it.

    They are where it was killed before it staged all of them, and where its own keys sign all of them, unless
    they are whole and their spread has just begun: what was begun is then finished, under the same names.
    """
    alone, here = desk.alone(roles), {key.keyid for key in at_hand(desk)}
    every = [found for role in roles for found in signings(alone.tree, role)]
    signers = {key.keyid for found in every for key in found.signed}
    if step.verdict.action != "open":
        torn = step.change is not None and not set(roles_of(channel, step.change)) <= {*roles}
        return torn and not signers
    enough = all(sum(key.keyid in here for key in found.unsigned) >= found.missing for found in every)
    return enough and signers <= here and not (is_whole(desk, roles) and _is_fresh(desk, channel, roles))


def is_whole(desk: Desk, roles: Sequence[str]) -> bool:
    """Return whether staged roles carry every signature that they need."""
    return not missing(desk.alone(roles))


def _is_fresh(desk: Desk, channel: Channel, roles: Sequence[str]) -> bool:
    state = read_state(desk, channel)
    orders = [wave.order for wave in state.waves if wave.order and channel.below(wave.name) in roles]
    return all(spent(state, order, desk.now) <= WARN_ABOVE for order in orders)


def _opened(live: State, ahead: State, step: Step) -> dict[str, Order]:
    """Return the staged orders that open a wave of the rollout that was judged, on evidence, by wave."""
    before = {wave.name: wave.order for wave in live.waves}
    judged = before.get(step.wave or "")
    found = {}
    for wave in ahead.waves:
        order, known = wave.order, before.get(wave.name)
        if not (order and order.evidence and order.state == "go" and judged):
            continue
        if order.rollout == judged.rollout and (known is None or known.rollout != order.rollout):
            found[wave.name] = order
    return found


def _goes_along(desk: Desk, live: State, ahead: State, orders: Mapping[str, Order]) -> bool:
    """Return whether all that is staged for single hosts is what an opening does to them."""
    picked = carried(live, Change(orders), desk.now).picked
    kept = live.picked if picked is None else picked
    same = all(order in (kept.get(route), live.picked.get(route)) for route, order in ahead.picked.items())
    return same and kept.keys() <= ahead.picked.keys()
