"""What is founded, or added to what is founded, as tables and sentences."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from repo_tools.desk import Desk
from repo_tools.founding import adding
from repo_tools.founding.adding import Addition
from repo_tools.founding.plan import Plan, WavePlan
from repo_tools.output import Answer, Sheet, counted
from repo_tools.signing import following, who


def wave_rows(plan: Plan) -> tuple[list[dict[str, Any]], Sheet]:
    """Return the waves of a channel, for machines and for people."""
    waves = [(wave, len(routes)) for wave, routes in zip(plan.waves, plan.routes(), strict=True)]
    rows = [[wave.name, _share(wave), str(routes)] for wave, routes in waves]
    return [{**asdict(wave), "routes": routes} for wave, routes in waves], Sheet(
        ["wave", "up to", "routes"], rows
    )


def filling(plan: Plan) -> list[str]:
    """Return what to do once there are hosts that can be counted in."""
    wishes = " ".join(f"--wave {wave.name}={wave.count}" for wave in plan.waves if wave.count)
    if not wishes:
        return []
    hint = f"tidegate waves {plan.channel.name} --count {wishes}"
    return [f"once hosts have enrolled and reported, count them in: {hint}"]


def added(desk: Desk, addition: Addition, wording: Sequence[str], *, dry: bool) -> Answer:
    """Return what a new channel is, who must sign it, and what comes next.

    Args:
        desk: The workspace.
        addition: The channel.
        wording: What is staged, or would be, in words.
        dry: Nothing was staged.
    """
    signers = adding.signers(desk, addition)
    nothing = f"nothing {'more was' if desk.tree.staged() else 'is'} staged"
    waves, sheet = wave_rows(addition.plan)
    data = {
        "channel": str(addition.plan.channel),
        "like": str(addition.like),
        "dry_run": dry,
        "waves": waves,
        "signatures": [
            {"role": role, "threshold": found.threshold, "keys": [key.name for key in found.keys]}
            for role, found in signers.items()
        ],
        "changes": list(wording),
    }
    rows = [[role, f"{found.threshold} of {who(found.keys)}"] for role, found in signers.items()]
    sign = Sheet(["role", "must be signed by"], rows, f"like {addition.like}")
    return Answer(
        data,
        [
            *wording,
            sheet,
            sign,
            *_shared(addition),
            nothing if dry else following(desk),
            *_later(addition.plan),
        ],
    )


def _shared(addition: Addition) -> list[str]:
    """Return what people who type names have to change, where a name means more than one channel now."""
    if not addition.sharing:
        return []
    channel, others = addition.plan.channel, ", ".join(map(str, addition.sharing))
    return [
        f"commands and jobs that say {channel.name} alone are refused from now on: say {channel}, or {others}"
    ]


def _later(plan: Plan) -> list[str]:
    """Return what comes once a new channel is published."""
    channel = plan.channel
    release = f"tidegate release add VERSION PATH --platform P --product {channel.product}"
    return [
        f"once it is published: {release}; tidegate rollout start {channel} VERSION",
        f"a host that a token let in follows {channel} once a token that names it let it in again",
        *filling(plan),
    ]


def _share(wave: WavePlan) -> str:
    if wave.count:
        return counted(wave.count, "host")
    return counted(len(wave.hosts), "host") if wave.hosts else f"{wave.percent} %"
