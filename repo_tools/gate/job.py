"""The job's one step on a desk: judge what is live, prepare what follows, sign it where a key is at hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from metadata.documents import Order
from metadata.strict import encode
from repo_tools.collect.placing import map_of
from repo_tools.desk import Desk
from repo_tools.gate.advance import Step, advance, opened, watch
from repo_tools.gate.counting import Tally, tally
from repo_tools.gate.verdict import Verdict
from repo_tools.publishing import evidence
from repo_tools.publishing.tidying import take_back
from repo_tools.roles import Channel
from repo_tools.rollouts import plans
from repo_tools.rollouts.leading import LEAD, slow
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.selecting import carried
from repo_tools.rollouts.staging import roles_of, stage
from repo_tools.rollouts.state import State, order_in, read_state
from repo_tools.signing import Signed, at_hand, sign_staged

_BAD_NEWS = {"failure", "doubtful", "unfit"}
"""Rules that wait since hosts did badly, not since little was heard yet."""


@dataclass(frozen=True)
class Done:
    """What the job did."""

    step: Step
    roles: Sequence[str] = ()
    """What it staged."""
    signed: Sequence[Signed] = ()
    """What it could sign of that."""


def look(desk: Desk, channel: Channel, lake: Path, terms: Terms) -> Step:
    """Return what a channel's rollouts ask for, by what is live and what was collected.

    Older ones that are not everywhere yet are still watched: one that fails is held before anything opens.

    Raises:
        UnsuitableError: Nothing was collected.
    """
    state = read_state(desk.published(), channel)
    waves = map_of(state)

    def plan_of(rollout: str) -> Plan | None:
        return plans.kept(desk.workspace, rollout)

    def count(order: Order) -> Tally:
        return tally(lake, order, opened(order), waves, desk.now)

    newest = plan_of(state.newest) if state.newest else None
    step = watch(state, plan_of, count, terms) or advance(state, newest, count, terms)
    step = _led(desk, state, step)
    if step.change is not None:
        step = replace(step, change=carried(state, step.change, desk.now))
    return _unless_staged(desk, channel, step)


def act(desk: Desk, channel: Channel, step: Step) -> Done:
    """Stage what a step asks for, and sign it with the keys at hand, unless a person must.

    What a job prepared on evidence that no longer holds is taken back, whoever signed it since.
    """
    bad = step.verdict.action == "halt" or step.verdict.rule in _BAD_NEWS
    if bad and (prepared := _prepared(desk, channel, step)):
        take_back(desk, prepared)
    if step.change is None:
        return Done(step)
    stage(desk, read_state(desk, channel), step.change)
    if step.evidence:
        for order in step.change.orders.values():
            evidence.stage(desk, order, encode(step.evidence))
    roles = roles_of(channel, step.change)
    own = desk.alone(roles)
    signed = sign_staged(own, at_hand(own)) if step.verdict.action != "ask" else []
    return Done(step, roles, signed)


def _prepared(desk: Desk, channel: Channel, step: Step) -> list[str]:
    """Return the staged roles that would open a wave of the rollout that was judged, on evidence."""
    live = {wave.name: wave.order for wave in read_state(desk.published(), channel).waves}
    judged = live.get(step.wave or "")
    found = []
    for name, before in live.items():
        role = channel.below(name)
        entries = desk.tree.view(role).entries.values() if role in desk.tree.staged() else ()
        order = next(map(order_in, entries), None)
        if not (order and order.evidence and order.state == "go" and judged):
            continue
        if order.rollout == judged.rollout and (before is None or before.rollout != order.rollout):
            found.append(role)
    return found


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


def _unless_staged(desk: Desk, channel: Channel, step: Step) -> Step:
    """Open nothing over what somebody prepares; a hold goes out beside it."""
    staged = [role for role in desk.tree.staged() if f"{role}.".startswith(f"{channel.role}.")]
    if step.verdict.action == "halt" or step.change is None or not staged:
        return step
    text = f"{step.verdict.text}; but {', '.join(staged)} is staged already"
    return replace(step, verdict=Verdict("wait", "staged", text), change=None, evidence=None)
