"""Revoke releases: no host starts them any more, in any way, and pins to them yield. Pure.

Revoking sends nobody back by itself: whoever runs a revoked version stays until something else is ordered. So
what is ordered, and what is a base, cannot be revoked before something else took its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from metadata.documents import Policy, Revoked
from metadata.errors import UnsuitableError, UsageError
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State


@dataclass(frozen=True)
class Wish:
    """What a person wants of one channel."""

    version: str
    reason: str = ""
    below: bool = False
    """Everything that was added before it, too."""


def revoke(state: State, wish: Wish) -> Change:
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
    if needed := next(_needed(state, policy), ""):
        hint = f"order something else first: tidegate rollout recall {state.channel} …, or rollout start"
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


def _needed(state: State, policy: Policy) -> Iterator[str]:
    """Yield every use that is made of what a policy revokes or leaves below its floor."""
    for wave in state.waves:
        order = wave.order
        asked = [(order.version, "is ordered to run")] if order else []
        asked += [(order.base.version, "has as its base")] if order and order.base else []
        for version, verb in asked:
            if policy.revocation(version) or state.catalog.release(version).seq < policy.floor_seq:
                yield f"{wave.name} {verb} {version}"
