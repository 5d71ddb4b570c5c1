"""What a job may do about a rollout: open its next wave, or hold all of it. Pure.

It never goes back, never completes and never lifts a hold: those take a person. Whatever it cannot decide,
it waits for and says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from msgspec import structs

from metadata.documents import Evidence, EvidenceCounts, Held, Order
from metadata.evidence import WaveEvidence
from metadata.strict import encode
from repo_tools.gate.counting import Tally
from repo_tools.gate.replaying import bar_of
from repo_tools.gate.verdict import Verdict, judge
from repo_tools.rollouts import braking
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, Wave, number, opened
from repo_tools.rollouts.strategies import widen

Count = Callable[[Order], Tally]
"""Counts the hosts of the wave that follows an order."""


@dataclass(frozen=True)
class Step:
    """What is to be done now, and why."""

    verdict: Verdict
    wave: str | None = None
    """The wave that was judged."""
    tally: Tally | None = None
    """What was counted there."""
    change: Change | None = None
    """What is to be staged."""
    evidence: WaveEvidence | None = None
    """What is to be published with it."""


def advance(state: State, plan: Plan | None, count: Count, terms: Terms) -> Step:
    """Return what the newest rollout's evidence asks for.

    Args:
        state: The channel as it is published.
        plan: How the rollout widens; None where nobody said so.
        count: Asked for every wave that the rollout has reached.
        terms: The present as ``not_before``, and who it is by.
    """
    reached = state.in_rollout(state.newest) if state.newest else []
    blocked = _blocked(state, plan, reached)
    if blocked or plan is None:
        return Step(blocked or _LEFT_ALONE)
    steps = _judged(reached, plan, count, terms.not_before)
    if halted := _halted(steps):
        return replace(halted, change=_hold(state, reached, halted.verdict, terms))
    last = steps[-1]
    if last.verdict.rule == "nobody":
        return _alone(state, last)
    if last.verdict.action not in {"open", "ask"}:
        return last
    judged = {step.wave for step in steps}
    is_everywhere = judged >= {wave.name for wave in state.inhabited}
    return _done(state, last) if is_everywhere else _opening(state, plan, last, terms)


def standing(state: State, plan: Plan, count: Count, now: datetime) -> Step | None:
    """Return how the newest rollout does, whoever holds it; None before the first, and of a recall.

    Args:
        state: The channel as it is published.
        plan: What to measure it by.
        count: Asked for every wave that the rollout has reached.
        now: The present.
    """
    reached = state.in_rollout(state.newest) if state.newest else []
    if not reached or any(wave.order and wave.order.recall for wave in reached):
        return None
    steps = _judged(reached, plan, count, now)
    return _halted(steps) or steps[-1]


def watch(state: State, plan_of: Callable[[str], Plan | None], count: Count, terms: Terms) -> Step | None:
    """Return a hold for a rollout that fails where a newer one has not come yet; None where none does.

    Args:
        state: The channel as it is published.
        plan_of: How a rollout widens, by its id.
        count: Asked for every wave that an older rollout still has.
        terms: The present as ``not_before``, and who it is by.
    """
    known = {wave.order.rollout for wave in state.waves if wave.order} - {state.newest}
    for rollout in sorted(known, key=number, reverse=True):
        plan, reached = plan_of(rollout), state.in_rollout(rollout)
        if plan is None or _is_base(reached) or _blocked(state, plan, reached):
            continue
        if halted := _halted(_judged(reached, plan, count, terms.not_before)):
            said = f"{rollout}, which a newer one follows, fails in {halted.wave}: {halted.verdict.text}"
            verdict = replace(halted.verdict, text=said)
            return replace(halted, verdict=verdict, change=_hold(state, reached, verdict, terms))
    return None


def _blocked(state: State, plan: Plan | None, reached: list[Wave]) -> Verdict | None:
    """Return why nothing is to be judged."""
    ordered = [wave.order for wave in reached if wave.order]
    if not ordered:
        return Verdict("wait", "nothing", f"nothing was started in {state.channel}")
    rollout, version = ordered[0].rollout, ordered[0].version
    if ordered[0].recall:
        return Verdict("wait", "recall", f"{rollout} is a recall: people say how far it goes")
    if plan is None or plan.strategy != "gated":
        return _LEFT_ALONE
    if state.brake.holds_rollout(rollout) or state.brake.holds_version(version):
        return Verdict("wait", "held", f"the brake holds it: {state.brake.reason or 'no reason given'}")
    if paused := [order.wave for order in ordered if order.state == "hold"]:
        return Verdict("wait", "held", f"it is paused in {', '.join(paused)}")
    return None


def _is_base(reached: list[Wave]) -> bool:
    """Return whether a rollout is complete: what it brought is the base by now."""
    orders = [wave.order for wave in reached if wave.order]
    return all(order.base and order.base.version == order.version for order in orders)


def _judged(reached: list[Wave], plan: Plan, count: Count, now: datetime) -> list[Step]:
    """Judge each wave that a rollout has reached."""
    bar, steps = bar_of(plan.pace), []
    for wave in reached:
        assert wave.order is not None  # a wave that a rollout reached has an order
        found = count(wave.order)
        steps.append(Step(judge(found.counts, opened(wave.order), now, bar), wave.name, found))
    return steps


def _halted(steps: list[Step]) -> Step | None:
    return next((step for step in steps if step.verdict.action == "halt"), None)


def _hold(state: State, reached: list[Wave], verdict: Verdict, terms: Terms) -> Change:
    """Hold a rollout in every wave, whichever of them it failed in."""
    reason = terms.reason or verdict.text
    held = {wave.order.rollout for wave in reached if wave.order}
    return braking.hold(state.brake, [Held(rollout=one) for one in held], terms.by, reason, terms.not_before)


def _opening(state: State, plan: Plan, step: Step, terms: Terms) -> Step:
    """Order the next wave, by the preset's pace and with the evidence in hand."""
    evidence = _evidence(state, step, terms.not_before)
    pointer = Evidence(sha256=sha256(encode(evidence)).hexdigest(), counts=evidence.counts)
    change = widen(state, plan, terms)
    made = {wave: structs.replace(order, evidence=pointer) for wave, order in change.orders.items()}
    return replace(step, change=replace(change, orders=made), evidence=evidence)


def _alone(state: State, step: Step) -> Step:
    """Say what a person can do about a wave that has nobody to tell how it goes."""
    counts = step.tally.counts if step.tally else None
    ways = f"a person widens it: tidegate rollout promote {state.channel}"
    if counts and counts.members:
        ways = f"who there is: tidegate agents list {state.channel} --wave {step.wave}; {ways}"
    elif step.wave != state.waves[-1].name:
        ways += f"; for the next rollout: tidegate waves {state.channel} --count --wave {step.wave}=1"
    return replace(step, verdict=replace(step.verdict, text=f"{step.verdict.text}; {ways}"))


def _done(state: State, step: Step) -> Step:
    text = f"every wave has it, and {step.verdict.text}"
    hint = f"a person completes it: tidegate rollout promote {state.channel}"
    return replace(step, verdict=Verdict("wait", "last", f"{text}; {hint}"))


def _evidence(state: State, step: Step, now: datetime) -> WaveEvidence:
    order = next(wave.order for wave in state.waves if wave.name == step.wave)
    assert order is not None  # it was judged
    assert step.tally is not None
    found = step.tally.counts
    return WaveEvidence(
        product=order.product,
        channel=order.channel,
        rollout=order.rollout,
        version=order.version,
        wave=order.wave,
        opened=opened(order),
        at=now,
        counts=EvidenceCounts(
            expected=found.expected,
            heard=found.heard,
            ok=found.ok,
            failed=found.failed,
            silent=found.silent,
        ),
        members=found.members,
        started=found.started,
        unfit=found.unfit,
        reports=step.tally.reports,
        reports_sha256=step.tally.sha256,
        rule=step.verdict.rule,
        text=step.verdict.text,
    )


_LEFT_ALONE = Verdict("wait", "not_gated", "it was not started with --strategy gated: a job leaves it alone")
