"""The job's one step on a desk: judge what is live, prepare what follows, sign it where a key is at hand.

It may be killed at any point: evidence is kept before the order that names it, and the next run finishes what
is left, or prepares it anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from metadata.errors import TidegateError, UnsuitableError
from metadata.strict import encode
from repo_tools.collect.placing import map_of
from repo_tools.desk import Desk
from repo_tools.gate.advance import Count, Step, advance, standing, watch
from repo_tools.gate.counting import tally
from repo_tools.gate.left import is_anew, is_whole, left
from repo_tools.gate.verdict import Verdict
from repo_tools.publishing import evidence
from repo_tools.publishing.tidying import take_back
from repo_tools.roles import Channel, parent
from repo_tools.rollouts import plans
from repo_tools.rollouts.leading import LEAD, slow
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.selecting import carried
from repo_tools.rollouts.staging import Change, roles_of, stage
from repo_tools.rollouts.state import State, opened, read_state
from repo_tools.signing import Signed, at_hand, sign_staged
from repo_tools.workspace import LAKE

_BAD_NEWS = {"failure", "doubtful", "unfit"}
"""Rules that wait since hosts did badly, not since little was heard yet."""


@dataclass(frozen=True)
class Task:
    """What the job is about to do."""

    step: Step
    back: Sequence[str] = ()
    """Staged roles that it takes back first."""
    ready: Sequence[str] = ()
    """What it staged in an earlier run, and leaves as it is."""


@dataclass(frozen=True)
class Done:
    """What the job did."""

    roles: Sequence[str] = ()
    """What is staged of it, now or before."""
    signed: Sequence[Signed] = ()
    """What it could sign of that."""


def look(desk: Desk, channel: Channel, lake: Path, terms: Terms) -> Task:
    """Return what a channel's rollouts ask for, by what is live, what was collected and what is staged.

    Older ones that are not everywhere yet are still watched: one that fails is held before anything opens.

    Raises:
        UnsuitableError: Nothing was collected.
    """
    state = read_state(desk.published(), channel)
    step = _led(desk, state, _judged(desk, state, lake, terms))
    if step.change is not None:
        step = replace(step, change=carried(state, step.change, desk.now))
    return _task(desk, channel, step)


def against(desk: Desk, state: State, plan: Plan | None, *, widening: bool) -> list[str]:
    """Return what speaks against a channel's newest rollout, where a person is about to let it go further.

    A gated one is measured by its own gate; any other by a usual one, once something was collected.

    Args:
        desk: The workspace.
        state: The channel, with what is staged.
        plan: How its newest rollout widens.
        widening: To more hosts, for which it is not enough that nothing bad was heard.
    """
    live = read_state(desk.published(), state.channel)
    if live.newest is None or live.newest != state.newest:
        return []
    is_gated = plan is not None and plan.strategy == "gated"
    bar = plan if plan and is_gated else plans.plan("gated", None)
    count = _counter(desk, live, desk.workspace.folder / LAKE)
    try:
        step = standing(live, bar, count, desk.now)
    except TidegateError as error:
        return [f"the gate of {live.newest} cannot judge it here: {error.message}"] if is_gated else []
    if step is None or step.verdict.action in {"open", "ask"} or _is_empty(step):
        return []
    gate = f"the gate of {live.newest}" if is_gated else f"{live.newest} has no gate; a usual one"
    if step.verdict.action == "halt":
        return [f"{gate} would hold it: {step.verdict.text}"]
    return [f"{gate} would still wait: {step.verdict.text}"] if widening else []


def doubts(desk: Desk) -> Iterator[str]:
    """Yield a sentence for each staged opening that what was collected since speaks against, or cannot."""
    opening = evidence.opening(desk)
    for channel in desk.channels():
        roles = [role for role in opening if parent(role) == channel.role]
        if not roles:
            continue
        named = f"{', '.join(roles)} would open on evidence"
        try:
            task = look(desk, channel, desk.workspace.folder / LAKE, Terms(desk.now))
        except UnsuitableError as error:
            yield f"{named}, and what hosts reported since is not known here: {error.message}"
            continue
        if _is_bad(task.step):
            hint = f"tidegate rollout advance {channel} takes it back"
            yield f"{named} that no longer holds: {task.step.verdict.text}; {hint}"


def act(desk: Desk, channel: Channel, task: Task) -> Done:
    """Take back, stage and sign what a task says, with the keys at hand, unless a person must sign."""
    step = task.step
    if task.back:
        take_back(desk, task.back)
    if step.change is not None:
        _stage(desk, channel, step, step.change)
    roles = roles_of(channel, step.change) if step.change else task.ready
    own = desk.alone(roles)
    signed = sign_staged(own, at_hand(own)) if step.verdict.action != "ask" else []
    return Done(roles, signed)


def _judged(desk: Desk, state: State, lake: Path, terms: Terms) -> Step:
    """Return what the evidence says of what is live."""

    def plan_of(rollout: str) -> Plan | None:
        return plans.kept(desk.workspace, state.channel.product, rollout)

    count = _counter(desk, state, lake)
    return watch(state, plan_of, count, terms) or advance(
        state, plans.newest(desk.workspace, state), count, terms
    )


def _counter(desk: Desk, state: State, lake: Path) -> Count:
    waves = map_of(state)
    return lambda order: tally(lake, order, opened(order), waves, desk.now)


def _stage(desk: Desk, channel: Channel, step: Step, change: Change) -> None:
    if step.evidence:
        for order in change.orders.values():
            evidence.stage(desk, order, encode(step.evidence))
    stage(desk, read_state(desk, channel), change)


def _led(desk: Desk, state: State, step: Step) -> Step:
    """Let a wave that several must sign open later, as every order that people prepare."""
    if step.change is None or not slow(desk, state, step.change, desk.now):
        return step
    made = {
        name: structs.replace(
            order, not_before=desk.now + LEAD, not_after=order.not_after and order.not_after + LEAD
        )
        for name, order in step.change.orders.items()
    }
    return replace(step, change=replace(step.change, orders=made))


def _task(desk: Desk, channel: Channel, step: Step) -> Task:
    """Return what to do about a step, beside what is staged: a hold goes out whatever else does.

    What was prepared on evidence that no longer holds is taken back, whoever signed it since. Nothing opens
    over what somebody else prepares.
    """
    found = left(desk, channel, step)
    if _is_bad(step):
        return Task(step, back=found.own)
    if step.change is None or not (found.own or found.others):
        return Task(step)
    if found.others:
        text = f"{', '.join(found.others)} is staged already; tidegate status shows it, and what comes next"
        return Task(_instead(step, Verdict("wait", "staged", f"{step.verdict.text}; but {text}")))
    if is_anew(desk, channel, found.own, step):
        return Task(step, back=found.own)
    stands = "was signed before" if is_whole(desk, found.own) else "was prepared before, and lacks signatures"
    text = f"{step.verdict.text}; {', '.join(found.own)} {stands}"
    return Task(_instead(step, replace(step.verdict, text=text)), ready=found.own)


def _is_empty(step: Step) -> bool:
    """Return whether nobody is in the wave that was judged: a person alone can go on."""
    return step.tally is not None and not step.tally.counts.members


def _is_bad(step: Step) -> bool:
    """Return whether hosts did badly."""
    return step.verdict.action == "halt" or step.verdict.rule in _BAD_NEWS


def _instead(step: Step, verdict: Verdict) -> Step:
    """Return a step that stages nothing, and says why."""
    return replace(step, verdict=verdict, change=None, evidence=None)
