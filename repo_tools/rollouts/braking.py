"""Make the brake: it can stop anything and start nothing. Pure."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from metadata.documents import Brake, Held
from metadata.errors import UsageError
from repo_tools.output import when
from repo_tools.roles import BRAKE, Channel
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State


def wanted(
    rollout: str | None, version: str | None, ordered: Sequence[str], known: Collection[str]
) -> list[Held]:
    """Return what is to be held: a rollout, a version, or without a name everything that is ordered.

    A name that nothing has would hold nothing, and whoever pulled the brake would believe otherwise.

    Args:
        rollout: A rollout, by its id.
        version: A version.
        ordered: Every rollout that is ordered anywhere.
        known: Every version that was added.

    Raises:
        UsageError: There is nothing of that name, or nothing at all.
    """
    hint = f"one of: {', '.join(ordered)}" if ordered else "nothing was started in this channel"
    if version is not None:
        if version not in known:
            text = f"{version} was never released, so the brake would hold nothing"
            raise UsageError(text, "tidegate release list shows what is there")
        return [Held(version=version)]
    if rollout is not None and rollout not in ordered:
        raise UsageError(f"rollout {rollout!r} is ordered nowhere", hint)
    if not ordered:
        raise UsageError(
            "nothing was started, so there is nothing to hold", "name a version: --version 1.5.0"
        )
    return [Held(rollout=one) for one in ([rollout] if rollout else ordered)]


def hold(brake: Brake, wanted: Sequence[Held], by: str, reason: str, now: datetime) -> Change:
    """Hold more than the brake holds already."""
    new = [entry for entry in wanted if entry not in brake.hold]
    return Change(brake=Brake(hold=[*brake.hold, *new], since=now, by=by, reason=reason))


def lifted(change: Change, live: Brake, channel: Channel) -> list[str]:
    """Return what a brake that holds more would lift all the same, because somebody staged that before."""
    holds = change.brake.hold if change.brake else []
    gone = [str(entry.rollout or entry.version) for entry in live.hold if entry not in holds]
    hint = f"tidegate unstage {channel.below(BRAKE)} takes that back; then brake again"
    return [f"this lifts {', '.join(gone)}, as was staged before; {hint}"] if gone else []


def release(state: State, live: Brake, by: str, reason: str, since: datetime) -> Change:
    """Lift the brake; what it held spreads anew from ``since``.

    Args:
        state: The channel; a lifting that is staged may be staged anew.
        live: The brake as hosts read it.
        by: Who wants this.
        reason: Why.
        since: From when on hosts may start.

    Raises:
        UsageError: It holds nothing.
    """
    known = [state.brake, live]
    last = max((one.since for one in known if one.since), default=since)
    if last <= since and not any(one.hold for one in known):
        raise UsageError(f"the brake of {state.channel} holds nothing", f"it is lifted from {when(last)} on")
    return Change(brake=Brake(since=since, by=by, reason=reason))


def ahead(state: State, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield that no rollout starts a host before a time to come, for which a brake is dated, and what to do.

    So is one that is lifted with time for signatures, and whatever a clock that was ahead has dated.
    """
    since, hold = state.brake.since, state.brake.hold
    if since is None or since <= now:
        return
    text = f"no rollout of {state.channel} starts a host before {when(since)}"
    if hold:
        again = f"--rollout {hold[0].rollout}" if hold[0].rollout else f"--version {hold[0].version}"
        yield f"{text}: its brake is dated ahead", f"tidegate brake {state.channel} {again} dates it anew"
    else:
        hint = f"tidegate brake {state.channel} --release --lead SPAN says a nearer time"
        yield f"{text}, from when on its brake is lifted", hint
