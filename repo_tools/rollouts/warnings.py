"""What a person should know before ordering something that is allowed. Pure."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

from metadata.documents import Brake, Order
from metadata.versions import parse, within
from repo_tools.output import counted, span, when
from repo_tools.roles import BRAKE
from repo_tools.rollouts import braking
from repo_tools.rollouts.refusals import holds
from repo_tools.rollouts.selecting import live
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, held_by, leading_to, number

DISTANT = timedelta(days=30)
"""Nobody plans a start so far ahead: signatures of most roles end before."""


def warnings(state: State, change: Change) -> list[str]:
    """Return a sentence for each thing that may surprise."""
    ordered = [*change.orders.values(), *_picked(state, change)]
    paused = {order.version for order in ordered if order.state == "hold"}
    held = [*_braked(state, ordered), *held_base(state, paused), *_past_holds(state, change)]
    told = [*_again(state, change), *_unheard(state, change)]
    lost = [*_below_base(state, change), *_stranded(state, change)]
    return [*held, *told, *lost, *_spared(state, change), *_unserved(state, ordered)]


def distant(change: Change, now: datetime) -> list[str]:
    """Return a sentence where waves are ordered to begin so late that the time may be mistyped."""
    times = {one.not_before for one in change.orders.values() if one.state == "go" and one.not_before}
    return [
        f"no host starts before {when(at)}, in {span(int((at - now).total_seconds()))}; is the time right?"
        for at in sorted(times)
        if at - now > DISTANT
    ]


def stopped(state: State, change: Change, now: datetime) -> list[str]:
    """Return a sentence where hosts that are ordered to start wait for a time that the brake says."""
    ordered = [one for one in (*change.orders.values(), *_picked(state, change)) if one.state == "go"]
    first = min((one.not_before or now for one in ordered), default=None)
    return [f"{text}; {hint}" for text, hint in braking.ahead(state, max(first, now))] if first else []


def _again(state: State, change: Change) -> list[str]:
    """Return a sentence where a new rollout brings its waves nothing that they are not ordered to run."""
    before = {wave.name: wave.order for wave in state.waves if wave.order and wave.order.state == "go"}
    fresh = [order for order in change.orders.values() if order.rollout == state.next_id]
    begun = [order for order in fresh if not order.recall and not order.retry]
    same = [known for order in begun if (known := before.get(order.wave)) and known.version == order.version]
    if not same or len(same) < len(begun):
        return []
    waves = ", ".join(known.wave for known in same)
    text = f"{waves} are ordered to run" if len(same) > 1 else f"{waves} is ordered to run"
    hint = f"tidegate rollout promote {state.channel} goes on with it; --retry 1 tries again where it failed"
    return [f"{text} {same[0].version} already, by {same[0].rollout}; {hint}"]


def _unheard(state: State, change: Change) -> list[str]:
    """Return a sentence where a rollout is left to evidence that no host can send."""
    if change.plan is None or change.plan.strategy != "gated" or state.policy.report:
        return []
    text = f"no host of {state.channel} is told where to report, so no wave after the first opens by itself"
    return [f"{text}; tidegate fleet reports says where, or tidegate rollout promote widens it by hand"]


def _below_base(state: State, change: Change) -> list[str]:
    """Return a sentence where single hosts are ordered to run what is below the least that hosts run."""
    below = {
        order.version: order.base.version
        for order in _picked(state, change)
        if order.base and not order.recall and parse(order.version) < parse(order.base.version)
    }
    hint = "rollout recall with --id is the way back"
    return [
        f"{version} is below {base}, the base: no host goes there; {hint}" for version, base in below.items()
    ]


def _stranded(state: State, change: Change) -> list[str]:
    """Return a sentence where single hosts lose their order, and may be in no wave that is called back."""
    spared = [wave.name for wave in state.inhabited if wave.name not in change.orders]
    calls = next((order.recall for order in change.orders.values() if order.recall), None)
    if change.picked is None or calls is None or not spared:
        return []
    ended = [order for route, order in state.picked.items() if change.picked.get(route) != order]
    versions = [order.version for order in ended if within(order.version, calls.from_versions)]
    hint = f"tidegate agents list {state.channel} --running '{calls.from_versions}', then recall them by --id"
    waves = ", ".join(spared)
    return [
        f"{counted(number, 'selected host')} may run {version} and follow their waves again: those of {waves}"
        f" stay there, as these are not called back; {hint}"
        for version, number in Counter(versions).items()
    ]


def _spared(state: State, change: Change) -> list[str]:
    """Return a sentence where waves that are not called back go on to what is recalled."""
    calls = next((order.recall for order in change.orders.values() if order.recall), None)
    if calls is None:
        return []
    left = [one for one in leading_to(state, calls.from_versions) if one.wave not in change.orders]
    hint = f"tidegate rollout promote {state.channel} then widens the recall, wave by wave"
    return [
        f"{one.wave} is not called back, and is ordered to run {one.version} by {one.rollout}; {hint}"
        for one in left
    ]


def _picked(state: State, change: Change) -> list[Order]:
    """Return the orders of single hosts that a change brings."""
    return [order for route, order in (change.picked or {}).items() if order != state.picked.get(route)]


def _past_holds(state: State, change: Change) -> list[str]:
    """Return a sentence where single hosts go on to what is held for their waves."""
    versions = dict.fromkeys(order.version for order in _picked(state, change) if order.recall is None)
    found = [text for version in versions for text, _hint in holds(state, version)]
    return [f"{text}; the selected hosts go there all the same" for text in found]


def not_held(state: State, change: Change) -> list[str]:
    """Return a sentence where waves are to go on that nobody held."""
    before = {wave.name: wave.order for wave in state.waves if wave.order}
    going = [name for name in change.orders if (known := before.get(name)) and known.state == "go"]
    if not going:
        return []
    return [f"nothing is on hold in {', '.join(going)}: the orders there only begin anew"]


def spread_anew(state: State, change: Change) -> list[str]:
    """Return a sentence for each wave of which the hosts that are left begin their spread again."""
    before = {wave.name: wave.order for wave in state.waves if wave.order}
    again = [
        order
        for order in change.orders.values()
        if order.state == "go" and order.spread_s and (known := before.get(order.wave))
        if known.rollout == order.rollout and known.not_before != order.not_before
    ]
    return [
        f"hosts of {order.wave} that are left spread anew: over {span(order.spread_s)}"
        f" from {when(order.not_before)}"
        for order in again
    ]


def braked_base(state: State, brake: Brake) -> list[str]:
    """Return a sentence where the newest of what a brake holds is a base."""
    ordered = {
        wave.order.version for wave in state.waves if wave.order and brake.holds_rollout(wave.order.rollout)
    }
    return held_base(state, {*ordered, *(entry.version for entry in brake.hold if entry.version)})


def braked_recalls(state: State, brake: Brake, now: datetime) -> list[str]:
    """Return a sentence for each recall that a new brake stops, and the brake before did not."""
    orders = [wave.order for wave in state.waves if wave.order] + [*live(state.picked, now).values()]
    going = [order for order in orders if order.recall and not held_by(state.brake, order)]
    held = {order.rollout for order in going if held_by(brake, order)}
    hint = f"tidegate unstage {state.channel.below(BRAKE)}, then brake again with --rollout, leaves it out"
    text = "is a recall: hosts that are to go back stay where they are"
    return [f"{rollout} {text}; {hint}" for rollout in sorted(held, key=number)]


def held_base(state: State, versions: Collection[str]) -> list[str]:
    """Return a sentence where the highest of the versions that are to be held is a base."""
    newest = max(versions, key=parse, default=None)
    bases = {wave.order.base.version for wave in state.waves if wave.order and wave.order.base}
    if newest not in bases:
        return []
    hint = f"tidegate rollout recall {state.channel} stops that"
    return [f"{newest} is the base: hosts below it go there all the same; {hint}"]


def _braked(state: State, ordered: list[Order]) -> list[str]:
    held = {order.rollout for order in ordered if state.brake.holds_rollout(order.rollout)}
    held |= {order.version for order in ordered if state.brake.holds_version(order.version)}
    hint = f"tidegate brake {state.channel} --release lifts it"
    return [f"the brake holds {what}; {hint}" for what in sorted(held)]


def _unserved(state: State, ordered: list[Order]) -> list[str]:
    """Name platforms that a wave runs now and that the new release has nothing for."""
    found = set()
    before = {wave.name: wave.order for wave in state.waves}
    for order in ordered:
        now = before.get(order.wave)
        if now is None or now.version == order.version:
            continue
        has = {part.platform for part in state.catalog.release(order.version).artifacts}
        had = {part.platform for part in state.catalog.release(now.version).artifacts}
        found |= {f"{order.version} has nothing for {name}, which {now.version} has" for name in had - has}
    return sorted(found)
