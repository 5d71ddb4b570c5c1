"""Change what a channel's policy lets hosts do: how often they look, how old news may be, who may hurry.

Pure. Floor, revocations, salt and the place for reports are changed by commands of their own.
"""

from dataclasses import asdict, dataclass

from msgspec.structs import replace

from metadata.documents import Policy
from metadata.errors import UsageError
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State

DAY_S = 86_400
POLL_S = (1, DAY_S)
"""What hosts clamp it to."""


@dataclass(frozen=True)
class Wish:
    """What a person wants; None leaves it as it is."""

    poll_s: int | None = None
    fresh_s: int | None = None
    pins_yield: bool | None = None
    allow_now: bool | None = None


def changed(state: State, wish: Wish) -> Change:
    """Return a channel's policy as a person wants it.

    Raises:
        UsageError: It is so already, or no host could follow it.
    """
    wanted = {name: value for name, value in asdict(wish).items() if value is not None}
    policy: Policy = replace(state.policy, **wanted)
    if policy == state.policy:
        raise UsageError(f"the policy of {state.channel} says so already")
    low, high = POLL_S
    if not low <= policy.poll_s <= high:
        raise UsageError(
            f"hosts look every second at the most, and once a day at the least: {policy.poll_s} s"
        )
    if policy.fresh_s < policy.poll_s:
        text = f"looking every {policy.poll_s} s, hosts find nothing that is at most {policy.fresh_s} s old"
        raise UsageError(text, "choose a longer --fresh, or a shorter --poll")
    return Change(policy=policy)


def tight(policy: Policy) -> list[str]:
    """Return a sentence where hosts would start nothing for a part of each day."""
    if policy.fresh_s >= DAY_S:
        return []
    hours = policy.fresh_s / 3600
    return [f"hosts start nothing when nobody refreshed for {hours:g} h: let the job refresh more often"]
