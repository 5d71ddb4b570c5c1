"""Refuse orders that no agent would follow, or that would leave hosts behind. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from metadata.documents import Order, Recall
from metadata.errors import UnsuitableError, UsageError
from metadata.release import Release
from metadata.versions import parse, within
from repo_tools.output import when
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, closed, complete, cut_spread


def refuse_closed(change: Change, now: datetime) -> None:
    """Refuse an order that ends before its spread does, or before anybody could start.

    Raises:
        UsageError: It does.
    """
    for order in change.orders.values():
        if order.state == "go" and closed(order, now):
            raise UsageError(f"in {order.wave}, {closed(order, now)}", "choose a later --not-after")
        if order.state == "go" and cut_spread(order):
            hint = "choose a shorter --spread-s, or a later --not-after"
            raise UsageError(f"in {order.wave}, {cut_spread(order)}", hint)


def refuse_past(change: Change, now: datetime) -> None:
    """Refuse a recall that covers nothing any more when the first host may start.

    Raises:
        UsageError: It is over by then.
    """
    for order in change.orders.values():
        until = order.recall.until if order.recall else None
        if until and until <= max(order.not_before or now, now):
            text = f"in {order.wave}, the recall ends at {when(until)}, before any host could go back"
            raise UsageError(text, "choose a later --until, or none")


def refuse_unfit(state: State, version: str, at: datetime) -> None:
    """Refuse to start what agents would refuse, or what a recall sends them away from.

    Args:
        state: The channel.
        version: What is to be started.
        at: When the first host may start.

    Raises:
        UnsuitableError: It says why.
    """
    refuse_withdrawn(state, version)
    refuse_recalled(state, version, at)
    release = state.catalog.release(version)
    for wave in state.waves:
        if wave.order is None:
            continue
        running = wave.order.version
        if parse(version) < parse(running):
            hint = f"tidegate rollout recall {state.channel} {version} --from … is the way back"
            raise UnsuitableError(f"{version} is lower than {running}, which {wave.name} runs", hint)
        if release.seq < state.catalog.release(running).seq:
            hint = "agents refuse it as a downgrade: build it anew under a higher version"
            raise UnsuitableError(f"{version} was added before {running}, which {wave.name} runs", hint)


def refuse_complete(state: State, version: str) -> None:
    """Refuse to start what every wave completed: its hosts run it, or go there at once.

    Raises:
        UnsuitableError: It is so.
    """
    orders = [wave.order for wave in state.inhabited]
    done = [order for order in orders if order and order.version == version and complete(order)]
    if done and len(done) == len(orders):
        text = f"{version} is complete in every wave, by {done[0].rollout}"
        raise UnsuitableError(text, "a host on which it failed tries again with --retry 1")


def refuse_pausing(state: State, orders: Iterable[Order]) -> None:
    """Refuse to pause what is complete: it has a base, which no hold keeps hosts from, and nothing else.

    Raises:
        UnsuitableError: It is so.
    """
    for order in orders:
        if complete(order):
            text = f"{order.rollout} is complete: hosts below {order.version} go there all the same"
            hint = (
                f'tidegate rollout recall {state.channel} VERSION --from "=={order.version}" sends hosts back'
            )
            raise UnsuitableError(text, hint)


def refuse_held(state: State, version: str) -> None:
    """Refuse to start anew what somebody holds: a new rollout would go past the hold.

    Raises:
        UnsuitableError: A wave has the version on hold, or under the brake.
    """
    for text, hint in holds(state, version):
        raise UnsuitableError(text, hint)


def holds(state: State, version: str) -> Iterator[tuple[str, str]]:
    """Yield how a version is held where waves are ordered to run it, and what ends that."""
    for order in (wave.order for wave in state.waves if wave.order and wave.order.version == version):
        if order.state == "hold":
            yield (
                f"{version} is paused in {order.wave}, by {order.rollout}",
                (f"tidegate rollout resume {state.channel}"),
            )
        if state.brake.holds_rollout(order.rollout):
            yield (
                f"the brake holds {order.rollout}, which starts {version}",
                (f"tidegate brake {state.channel} --release lifts it"),
            )


def refuse_everybody(state: State) -> None:
    """Refuse to begin wave by wave where no wave but the last has a host.

    Raises:
        UnsuitableError: Everybody would be first.
    """
    before = state.waves[:-1]
    if before and not any(wave.routes for wave in before):
        first = before[0].name
        hint = f"tidegate waves {state.channel} --count --wave {first}=1; or say --strategy immediate"
        text = f"nobody was counted into {first} yet, so everybody would be first"
        raise UnsuitableError(text, hint)


def refuse_withdrawn(state: State, version: str) -> None:
    """Refuse a release that is revoked or below the floor.

    Raises:
        UnsuitableError: It is.
    """
    release = state.catalog.release(version)
    if entry := state.policy.revocation(version):
        raise UnsuitableError(
            f"{version} is revoked: {entry.reason or 'no reason given'}", "choose another release"
        )
    if release.seq < state.policy.floor_seq:
        text = f"{version} is below the channel's floor ({release.seq} < {state.policy.floor_seq})"
        raise UnsuitableError(text, "build it anew under a higher version")


def refuse_unbuilt(state: State, permission: Recall) -> None:
    """Refuse a recall from what no host can have: a range that is mistyped would call nobody back.

    Raises:
        UnsuitableError: No release in the range was ever published.
    """
    catalog = state.catalog
    if any(within(one, permission.from_versions) for one in catalog.ever_public):
        return
    text = f"no release in {permission.from_versions} was ever published: the recall would call nobody back"
    raise UnsuitableError(
        text, "tidegate release list shows what was; a range may be wider than what hosts run"
    )


def refuse_forward(state: State, version: str, permission: Recall) -> None:
    """Refuse a recall to what is above all that it calls hosts back from.

    Raises:
        UnsuitableError: It would be an update, to every wave at once.
    """
    if leads_forward(state, version, permission):
        hint = f"tidegate rollout start {state.channel} {version} goes forward, wave by wave"
        raise UnsuitableError(f"{version} is above every release in {permission.from_versions}", hint)


def leads_forward(state: State, version: str, permission: Recall) -> bool:
    """Return whether a recall calls hosts back from releases, and only from lower ones than its own."""
    called = [one for one in state.catalog.ever if within(one, permission.from_versions)]
    return bool(called) and all(parse(one) < parse(version) for one in called)


def withdrawal(state: State, release: Release, at: datetime) -> str:
    """Return in a word why a release cannot be ordered in a channel any more; empty where it can."""
    why = gone(state, release.version, at)
    return "below the floor" if why != "revoked" and release.seq < state.policy.floor_seq else why


def gone(state: State, version: str, at: datetime) -> str:
    """Return in a word how a version was called back in a channel; empty where it was not."""
    if state.policy.revocation(version):
        return "revoked"
    return "recalled" if is_recalled(state, version, at) else ""


def is_recalled(state: State, version: str, at: datetime) -> bool:
    """Return whether a recall in a channel calls hosts back from a version."""
    return any(_recalls(state, version, at))


def _recalls(state: State, version: str, at: datetime) -> Iterator[tuple[str, Order, Recall]]:
    """Yield the waves, their orders and the recalls in them that call a version back."""
    for wave in state.waves:
        recall = wave.order.recall if wave.order else None
        if wave.order is None or recall is None or (recall.until and recall.until <= at):
            continue
        if within(version, recall.from_versions):
            yield wave.name, wave.order, recall


def refuse_recalled(state: State, version: str, at: datetime) -> None:
    """Refuse a release that a recall calls hosts back from.

    Raises:
        UnsuitableError: One does, in whatever wave.
    """
    for wave, order, recall in _recalls(state, version, at):
        text = f"{version} is recalled by {order.rollout} in {wave}"
        hint = "build what mends it under a higher version, outside of the recalled range"
        raise UnsuitableError(f"{text}: {recall.reason or 'no reason given'}", hint)
