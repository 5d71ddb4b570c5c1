"""When hosts may change their waves or their turns: between rollouts, and in the midst of none. Pure.

A recall calls waves back, and can miss a host that runs what its new wave never had; others would try a
release in its place, beyond the share that was meant to; and a host whose turn another place decides could
start long before the one it had.
"""

import dataclasses
import secrets
from datetime import datetime

from msgspec.structs import replace

from metadata.errors import UnsuitableError
from repo_tools.output import when
from repo_tools.rollouts.early import spread_until
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, complete


def new_salt() -> str:
    """Return what draws every host's place anew."""
    return secrets.token_hex(16)


def redrawn(state: State, change: Change, salt: str) -> Change:
    """Return a change that also draws every host's place anew; hosts in a wave by name stay there."""
    return dataclasses.replace(change, policy=replace(change.policy or state.policy, salt=salt))


def refuse_moving(state: State, now: datetime) -> None:
    """Refuse to let hosts change their waves while these differ, or while one still spreads.

    Raises:
        UnsuitableError: It says until when, or what to do first.
    """
    orders = [wave.order for wave in state.waves if wave.order]
    runs = {order.version: order.wave for order in orders}
    if len(runs) > 1:
        told = " and ".join(f"{wave} {version}" for version, wave in runs.items())
        hint = (
            f"complete it first: tidegate rollout promote {state.channel}; or recall it;"
            " what is only staged is taken back by tidegate unstage"
        )
        text = f"no host may change its wave while {told} run: a recall could miss it"
        raise UnsuitableError(text, hint)
    for order in (order for order in orders if not complete(order)):
        if (until := spread_until(state, order, now)) > now:
            text = (
                f"no host may change its wave or place while those of {order.wave} start by {order.rollout}"
            )
            raise UnsuitableError(text, f"wait until {when(until)}")
