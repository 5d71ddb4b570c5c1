"""Make orders: pure functions from a channel's state and a person's wishes to a change.

A rollout reaches waves in their order. ``manual`` orders the first wave and waits for ``promote``;
``immediate`` orders all of them. Promoting once every wave has it completes the rollout.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from metadata.documents import Order, Recall
from metadata.errors import UnsuitableError, UsageError
from metadata.fields import Pointer
from metadata.versions import bounded_above, parse, within
from repo_tools.rollouts.floors import floor_after
from repo_tools.rollouts.refusals import (
    refuse_complete,
    refuse_forward,
    refuse_held,
    refuse_pausing,
    refuse_unbuilt,
    refuse_unfit,
    refuse_withdrawn,
)
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, Wave

Strategy = Literal["immediate", "manual"]
_STEP = re.compile(r"; (?:paused|resumed): ")
"""Stands between why a rollout was started and why it is held, or goes on."""
OPEN_FOR = timedelta(days=7)
"""How long an order starts hosts unless somebody says otherwise."""


@dataclass(frozen=True)
class Terms:
    """What a person may say about a rollout."""

    not_before: datetime
    not_after: datetime | None = None
    spread_s: int | None = None
    urgent: bool = False
    retry: int = 0
    by: str = ""
    reason: str = ""


def start(state: State, version: str, strategy: Strategy, terms: Terms) -> Change:
    """Order a release to the first wave, or to all at once.

    Raises:
        UnsuitableError: Agents would refuse it.
    """
    refuse_unfit(state, version, terms.not_before)
    refuse_held(state, version)
    if terms.retry == 0:
        refuse_complete(state, version)
    waves = state.inhabited if strategy == "immediate" else state.inhabited[:1]
    return Change({wave.name: begun(state, wave.name, version, terms) for wave in waves})


def promote(state: State, terms: Terms) -> Change:
    """Widen the newest rollout to its next wave, or complete it.

    Raises:
        UsageError: There is nothing to widen.
        UnsuitableError: It is paused.
    """
    rollout, reached = _newest(state)
    held = [wave.name for wave in reached if wave.order and wave.order.state == "hold"]
    if held:
        hint = f"tidegate rollout resume {state.channel}"
        raise UnsuitableError(f"{rollout} is paused in {', '.join(held)}", hint)
    names = {wave.name for wave in reached}
    following = next((wave for wave in state.inhabited if wave.name not in names), None)
    last = reached[-1].order if reached else None
    if following is None or last is None:
        return complete(state)
    spread_s = last.spread_s if terms.spread_s is None else terms.spread_s
    base = (following.order.base if following.order else None) or last.base
    order = replace(
        last,
        wave=following.name,
        base=_at_most(state, base, last.version) if last.recall else base,
        not_before=terms.not_before,
        not_after=terms.not_after or terms.not_before + OPEN_FOR,
        spread_s=spread_s,
        by=terms.by or last.by,
        reason=terms.reason or last.reason,
        evidence=None,
    )
    return Change({following.name: order})


def complete(state: State) -> Change:
    """Make the newest rollout the base of every wave: no end, and no way below what ran before it.

    Raises:
        UsageError: It is complete.
    """
    rollout, reached = _newest(state)
    first = reached[0].order
    assert first is not None  # a wave that a rollout reached has an order
    base = state.catalog.pointer(first.version)
    orders = {
        wave.name: replace(wave.order, not_after=None, base=base)
        for wave in reached
        if wave.order is not None
    }
    if all(wave.order == orders[wave.name] for wave in reached):
        raise UsageError(f"{rollout} is complete already", "tidegate rollout start begins the next one")
    policy = state.policy if first.recall else replace(state.policy, floor_seq=floor_after(state, first))
    return Change(orders, policy if policy != state.policy else None)


def pause(state: State, waves: list[str], terms: Terms) -> Change:
    """Put waves of the newest rollout on hold; what it is for stands before why it is held.

    Raises:
        UsageError: It has not reached them.
        UnsuitableError: It is complete: its hosts go to the base, whatever is on hold.
    """
    found = {wave.name: wave.order for wave in _chosen(state, waves) if wave.order}
    refuse_pausing(state, found.values())
    return Change({name: _held(order, terms) for name, order in found.items()})


def _held(order: Order, terms: Terms) -> Order:
    why = _why(order, "paused", terms.reason) if terms.reason else order.reason
    return replace(order, state="hold", by=terms.by or order.by, reason=why)


def _why(order: Order, step: str, reason: str) -> str:
    return f"{_purpose(order)}; {step}: {reason}".removeprefix("; ")


def _purpose(order: Order) -> str:
    """Return why a rollout was started, without why it was paused, and went on."""
    return _STEP.split(f"; {order.reason}", maxsplit=1)[0].removeprefix("; ")


def resume(state: State, waves: list[str], terms: Terms) -> Change:
    """Let waves of the newest rollout go on; they spread anew from ``not_before``."""
    made = {}
    for wave in _chosen(state, waves):
        assert wave.order is not None  # a wave that a rollout reached has an order
        not_after = terms.not_before + OPEN_FOR if wave.order.not_after else None
        made[wave.name] = replace(
            wave.order,
            state="go",
            not_before=terms.not_before,
            not_after=terms.not_after or not_after,
            spread_s=wave.order.spread_s if terms.spread_s is None else terms.spread_s,
            by=terms.by or wave.order.by,
            reason=_why(wave.order, "resumed", terms.reason) if terms.reason else _purpose(wave.order),
        )
    return Change(made)


def recall(
    state: State, version: str, permission: Recall, terms: Terms, waves: Collection[str] = ()
) -> Change:
    """Send every host that runs a recalled version back to an older release.

    A wave whose hosts run something lower keeps its order: the recall would be an update to it.

    Args:
        state: The channel.
        version: Where hosts go.
        permission: From which versions, until when, and why.
        terms: When, and who wants this.
        waves: Only these; every wave without any.

    Raises:
        UnsuitableError: Agents would refuse it, or it leads nowhere.
        UsageError: There is no such wave, or none to call back.
    """
    _refuse_unknown(waves, [wave.name for wave in state.waves], f"{state.channel} has")
    meant = [wave for wave in state.waves if not waves or wave.name in waves]
    orders = {
        wave.name: back(state, wave.name, version, permission, terms)
        for wave in meant
        if not _runs_lower(wave, version, permission)
    }
    if not orders:
        text = f"no wave is ordered to run {version} or more, or anything in {permission.from_versions}"
        raise UsageError(text, f"tidegate rollout status {state.channel} shows what runs")
    return Change(orders)


def back(state: State, wave: str, version: str, permission: Recall, terms: Terms) -> Order:
    """Return an order that sends hosts back.

    Raises:
        UnsuitableError: Agents would refuse it, or it leads nowhere.
    """
    refuse_withdrawn(state, version)
    if within(version, permission.from_versions):
        raise UnsuitableError(f"{version} is itself in the recalled range {permission.from_versions}")
    refuse_unbuilt(state, permission)
    refuse_forward(state, version, permission)
    order = begun(state, wave, version, terms)
    base = _at_most(state, order.base, version)
    return replace(order, recall=permission, base=base, not_after=terms.not_after)


def _at_most(state: State, base: Pointer | None, version: str) -> Pointer:
    """Return a base, or where a recall leads if that is lower: a host below its base would come up again."""
    if base and parse(base.version) <= parse(version):
        return base
    return state.catalog.pointer(version)


def recalled(versions: str, until: datetime | None, reason: str) -> Recall:
    """Return the permission to go back from a range of versions.

    Raises:
        UsageError: The range has no upper bound.
    """
    if not bounded_above(versions):
        hint = 'say where it ends, such as ">=1.5,<=1.5.3": what is built tomorrow is not meant'
        raise UsageError(f"recall from {versions!r} has no upper bound", hint)
    return Recall(from_versions=versions, until=until, reason=reason)


def begun(state: State, wave: str, version: str, terms: Terms) -> Order:
    """Return the order with which a new rollout begins in a wave, or for hosts that were selected."""
    return Order(
        product=state.channel.product,
        channel=state.channel.name,
        wave=wave,
        rollout=state.next_id,
        version=version,
        state="go",
        base=_base(state, wave),
        not_before=terms.not_before,
        spread_s=terms.spread_s or 0,
        not_after=terms.not_after or terms.not_before + OPEN_FOR,
        urgent=terms.urgent,
        retry=terms.retry,
        by=terms.by,
        reason=terms.reason,
    )


def _base(state: State, wave: str) -> Pointer | None:
    """Return a wave's own base, or where it has no order yet that of the first wave that has one."""
    orders = {found.name: found.order for found in state.waves if found.order}
    if wave in orders:
        return orders[wave].base
    return next((order.base for order in orders.values() if order.base), None)


def _runs_lower(wave: Wave, version: str, permission: Recall) -> bool:
    """Return whether a wave is ordered to run only what is below a version and not recalled."""
    pointers = (wave.order, wave.order.base) if wave.order else ()
    runs = [found.version for found in pointers if found]
    return all(parse(one) < parse(version) and not within(one, permission.from_versions) for one in runs)


def _newest(state: State) -> tuple[str, list[Wave]]:
    if state.newest is None:
        raise UsageError(f"nothing was started in {state.channel}", "tidegate rollout start begins a rollout")
    return state.newest, state.in_rollout(state.newest)


def _chosen(state: State, names: list[str]) -> list[Wave]:
    rollout, reached = _newest(state)
    _refuse_unknown(names, [wave.name for wave in reached], f"{rollout} has reached")
    return [wave for wave in reached if not names or wave.name in names]


def _refuse_unknown(names: Collection[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"{where} no wave {name!r}", f"one of: {', '.join(known)}")
