"""Prepare what a person asks of a channel: refused where it would hurt, told where it may surprise.

Nothing is staged here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from repo_tools.desk import Desk
from repo_tools.roles import BRAKE, Channel
from repo_tools.rollouts import braking
from repo_tools.rollouts.early import refuse_early, unpublished
from repo_tools.rollouts.leading import LEAD, lead_words, needing_several, slow
from repo_tools.rollouts.moving import refuse_moving
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.refusals import gone, refuse_closed, refuse_past
from repo_tools.rollouts.selecting import carried
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, live_orders, ordered_rollouts, read_brake, read_state
from repo_tools.rollouts.warnings import braked_base, braked_recalls, distant, spread_anew, stopped, warnings

Make = Callable[[State, Terms], Change]
Judge = Callable[[Desk, State, Change], Sequence[str]]


@dataclass(frozen=True)
class Ask:
    """What a person asks of the waves of a channel."""

    make: Make
    terms: Callable[[timedelta], Terms]
    """By how long hosts start later than now, or than the time that was said."""
    lead: timedelta | None = None
    """Time for signatures; None is as much as they need."""
    judge: Judge | None = None
    """Refuses what must not be, and returns warnings."""


@dataclass(frozen=True)
class Stop:
    """What a person asks of the brake."""

    rollout: str | None = None
    version: str | None = None
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Prepared:
    """A change that may be staged, and what is to be said about it."""

    state: State
    change: Change
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()


def prepare(desk: Desk, channel: Channel, ask: Ask) -> Prepared:
    """Prepare a change of waves, with time for signatures before its first host starts.

    Raises:
        UsageError: No host could follow it.
        UnsuitableError: Hosts would refuse it, or it comes too early.
    """
    state = read_state(desk, channel)
    change, notes = _led(desk, state, ask)
    change = carried(state, change, desk.now)
    refuse_closed(change, desk.now)
    refuse_past(change, desk.now)
    judged = ask.judge(desk, state, change) if ask.judge else ()
    notes += spread_anew(state, change)
    told = [*distant(change, desk.now), *stopped(state, change, desk.now), *warnings(state, change)]
    return Prepared(state, change, notes, [*judged, *told])


def in_time(desk: Desk, state: State, change: Change) -> list[str]:
    """Judge a promotion: refuse one that comes before what it builds on.

    Raises:
        UnsuitableError: It does.
    """
    refuse_early(state, live_orders(desk, state), change, desk.now)
    return at_any_time(desk, state, change)


def elsewhere(desk: Desk, state: State, change: Change) -> list[str]:
    """Judge a start: warn where another channel of the product called hosts back from the version."""
    versions = {order.version for order in change.orders.values()}
    others = [one for one in desk.channels() if one.product == state.channel.product and one != state.channel]
    return [
        f"{version} is {why} in {other.channel}"
        for other in (read_state(desk, one) for one in others)
        for version in sorted(versions)
        if (why := gone(other, version, desk.now))
    ]


def between(desk: Desk, state: State, change: Change) -> list[str]:
    """Judge a start that draws places anew: refuse one in the midst of another rollout.

    Raises:
        UnsuitableError: It is.
    """
    refuse_moving(state, desk.now)
    return elsewhere(desk, state, change)


def at_any_time(desk: Desk, state: State, change: Change) -> list[str]:
    """Judge a promotion that need not wait."""
    return unpublished(state, live_orders(desk, state), change)


def prepare_hold(desk: Desk, channel: Channel, stop: Stop) -> Prepared:
    """Prepare a brake that holds more than before.

    Raises:
        UsageError: There is nothing to hold.
    """
    state = read_state(desk, channel)
    known = state.catalog.versions | state.catalog.public_versions
    wanted = braking.wanted(stop.rollout, stop.version, ordered_rollouts(desk, channel), known)
    change = braking.hold(state.brake, wanted, stop.by, stop.reason, desk.now)
    lifted = braking.lifted(change, read_brake(desk.published(), channel), channel)
    brake = change.brake or state.brake
    told = [*lifted, *braked_recalls(state, brake, desk.now), *braked_base(state, brake)]
    return Prepared(state, change, warnings=told)


def prepare_lifting(desk: Desk, channel: Channel, stop: Stop, lead: timedelta | None) -> Prepared:
    """Prepare a brake that holds nothing; hosts go on after a time for signatures.

    Raises:
        UsageError: It holds nothing now.
    """
    state, live = read_state(desk, channel), read_brake(desk.published(), channel)
    slow_roles = needing_several(desk, [channel.below(BRAKE)]) if lead is None else []
    since = desk.now + (lead or (LEAD if slow_roles else timedelta()))
    change = braking.release(state, live, stop.by, stop.reason, since)
    return Prepared(state, change, [lead_words(slow_roles, LEAD)] if slow_roles else [])


def _led(desk: Desk, state: State, ask: Ask) -> tuple[Change, list[str]]:
    """Return a change that leaves time for signatures, and why hosts start later than now."""
    terms = ask.terms(ask.lead or timedelta())
    change = ask.make(state, terms)
    roles = slow(desk, state, change, terms.not_before) if ask.lead is None else []
    if not roles:
        return change, []
    return ask.make(state, ask.terms(LEAD)), [lead_words(roles, LEAD)]
