"""Make the brake: it can stop anything and start nothing. Pure."""

from datetime import datetime

from metadata.documents import Brake, Held
from metadata.errors import UsageError
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State


def hold(state: State, held: Held | None, by: str, reason: str, now: datetime) -> Change:
    """Hold one more rollout or version; without one, every rollout that a wave is ordered to follow.

    Raises:
        UsageError: There is nothing to hold.
    """
    rollouts = sorted({wave.order.rollout for wave in state.waves if wave.order})
    wanted = [held] if held else [Held(rollout=rollout) for rollout in rollouts]
    if not wanted:
        raise UsageError(f"nothing was started in {state.channel}", "name a version: --version 1.5.0")
    new = [entry for entry in wanted if entry not in state.brake.hold]
    return Change(brake=Brake(hold=[*state.brake.hold, *new], since=now, by=by, reason=reason))


def release(state: State, by: str, reason: str, now: datetime) -> Change:
    """Lift the brake; what it held spreads anew from ``now``.

    Raises:
        UsageError: It holds nothing.
    """
    if not state.brake.hold:
        raise UsageError(f"the brake of {state.channel} holds nothing")
    return Change(brake=Brake(since=now, by=by, reason=reason))
