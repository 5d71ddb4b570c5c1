"""Revoke releases: no host starts them any more, in any way, and pins to them yield. Pure.

Revoking sends nobody back by itself: whoever runs a revoked version stays until something else is ordered. So
what is ordered, and what is a base, cannot be revoked before something else took its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from metadata.documents import Order, Policy, Revoked
from metadata.errors import UnsuitableError, UsageError
from repo_tools.rollouts.selecting import live
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State


@dataclass(frozen=True)
class Wish:
    """What a person wants of one channel."""

    version: str
    reason: str = ""
    below: bool = False
    """Everything that was added before it, too."""


def revoke(state: State, wish: Wish, now: datetime) -> Change:
    """List a version as revoked; with ``below``, raise the floor to it as well.

    Raises:
        UnsuitableError: Hosts are ordered to run what would be revoked.
        UsageError: It is revoked already.
    """
    seq = state.catalog.release(wish.version).seq
    before = state.policy
    policy = before
    if before.revocation(wish.version) is None:
        entry = Revoked(version=wish.version, reason=wish.reason)
        policy = replace(before, revoked=[*before.revoked, entry])
    if wish.below:
        policy = replace(policy, floor_seq=max(policy.floor_seq, seq))
    if policy == before:
        raise UsageError(f"{wish.version} is revoked in {state.channel} already")
    for needed, hint in _needed(state, policy, now):
        raise UnsuitableError(f"{needed}, and hosts would refuse it", hint)
    return Change(policy=policy)


def allow(state: State, wish: Wish) -> Change:
    """Take a version off the list again; the floor stays where it is.

    Raises:
        UsageError: It is not on it.
    """
    kept = [entry for entry in state.policy.revoked if entry.version != wish.version]
    if len(kept) == len(state.policy.revoked):
        known = ", ".join(entry.version for entry in state.policy.revoked) or "none"
        raise UsageError(f"{wish.version} is not revoked in {state.channel}", f"revoked: {known}")
    return Change(policy=replace(state.policy, revoked=kept))


def _needed(state: State, policy: Policy, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield every use that is made of what a policy revokes or leaves below its floor, and what ends it."""
    hint = f"order something else first: tidegate rollout recall {state.channel} …, or rollout start"
    for wave in state.waves:
        if wave.order and (use := _use(state, policy, wave.order)):
            yield f"{wave.name} {use}", hint
    for order in live(state.picked, now).values():
        if use := _use(state, policy, order):
            hint = f"tidegate agents select {state.channel} --clear ends every batch"
            yield f"{order.rollout}, a selection of hosts, {use}", hint


def _use(state: State, policy: Policy, order: Order) -> str:
    """Return how an order uses what a policy revokes or leaves below its floor; nothing where it does not."""
    asked = [(order.version, "is ordered to run")]
    asked += [(order.base.version, "has as its base")] if order.base else []
    for version, verb in asked:
        if policy.revocation(version) or state.catalog.release(version).seq < policy.floor_seq:
            return f"{verb} {version}"
    return ""
