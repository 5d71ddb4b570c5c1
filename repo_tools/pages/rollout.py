"""The page of a channel's newest rollout: its waves, what the gate waits for, and who takes the next step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from metadata.documents import Order
from repo_tools.audit import evidence
from repo_tools.collect.placing import Map, map_of
from repo_tools.collect.records import Standing
from repo_tools.desk import Desk
from repo_tools.gate.advance import Step, advance, opened
from repo_tools.gate.counting import Tally, tally
from repo_tools.gate.replaying import bar_of
from repo_tools.gate.verdict import Bar, Counts, Verdict, judge
from repo_tools.output import counted
from repo_tools.pages import recalled
from repo_tools.pages.heard import Heard
from repo_tools.pages.model import EarlierRollout, NextStep, Part, RolloutPage, SignedChange, WavePart
from repo_tools.roles import BRAKE, Channel
from repo_tools.rollouts import plans
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.state import State, Wave, read_state
from repo_tools.rollouts.tables import share_text
from repo_tools.signed.views import Delegation
from repo_tools.signing import who

MOST_SIGNED = 12
"""Changes that a rollout's page shows; the audit page has the others."""
_NOBODY = Counts()


@dataclass(frozen=True)
class Course:
    """A channel as it is published, how its newest rollout widens, and what was counted in its waves."""

    state: State
    plan: Plan | None
    tallies: Mapping[str, Tally]
    evidence: Mapping[str, str]
    """Where the evidence is that opened a wave, below ``status/``."""
    step: Step
    delegations: Mapping[str, Delegation]
    now: datetime
    recalled: Mapping[str, int] = field(default_factory=dict)
    """The hosts that are to go back and did not yet, by wave."""

    @property
    def order(self) -> Order | None:
        """The newest rollout's first order."""
        reached = self.state.in_rollout(self.state.newest) if self.state.newest else []
        return next((wave.order for wave in reached if wave.order), None)

    @property
    def bar(self) -> Bar:
        """What evidence must reach."""
        return bar_of(self.plan.pace) if self.plan else Bar()


@dataclass(frozen=True)
class Placed(Map):
    """The waves of a channel, where each host's wave is worked out once, however many waves are counted."""

    _known: dict[tuple[str, Standing], str | None] = field(default_factory=dict)

    def wave(self, agent: str, standing: Standing) -> str | None:
        """Return the wave whose role answers for an agent."""
        asked = agent, standing
        if asked not in self._known:
            self._known[asked] = super().wave(agent, standing)
        return self._known[asked]


def page_of(channel: Channel) -> str:
    """Return the name of the page of a channel's rollout."""
    return f"rollout.{channel.product}.{channel.name}.html"


def course(desk: Desk, channel: Channel, lake: Path, *, empty: bool) -> Course:
    """Return what is published of a channel, and what was counted.

    Args:
        desk: The workspace with nothing staged on it.
        channel: Which one.
        lake: What was collected.
        empty: Whether nothing was.
    """
    state = read_state(desk, channel)
    plan = plans.kept(desk.workspace, state.channel.product, state.newest) if state.newest else None
    known = map_of(state)
    waves = Placed(known.salt, known.waves)

    def count(order: Order) -> Tally:
        if empty:
            return Tally(_NOBODY, 0, "")
        return tally(lake, order, opened(order), waves, desk.now)

    reached = state.in_rollout(state.newest) if state.newest else []
    tallies = {wave.name: count(wave.order) for wave in reached if wave.order}
    step = advance(state, plan, lambda order: tallies[order.wave], Terms(desk.now))
    proofs = {wave.name: _evidence(desk, wave.order) for wave in reached if wave.order}
    return Course(state, plan, tallies, proofs, step, desk.tree.view(channel.role).delegations, desk.now)


def _evidence(desk: Desk, order: Order) -> str:
    found = evidence.find(desk.store, order)
    return found[0].removeprefix("status/") if found else ""


def rollout_page(
    found: Course, heard: Heard, signed: Sequence[SignedChange], earlier: Sequence[EarlierRollout]
) -> RolloutPage:
    """Return the page of a channel's newest rollout.

    Args:
        found: What is published, and what was counted.
        heard: The lake.
        signed: All published changes, newest first.
        earlier: The rollouts that came before it.
    """
    channel, order = found.state.channel, found.order
    reached = found.state.in_rollout(order.rollout) if order else []
    orders = [wave.order for wave in reached if wave.order]
    found = replace(found, recalled=recalled.by_wave(heard, orders, found.now))
    back = heard.back(order) if order else {}
    return RolloutPage(
        channel=str(channel),
        page=page_of(channel),
        rollout=order.rollout if order else "",
        version=order.version if order else "",
        strategy=found.plan.strategy if found.plan else "",
        by=order.by if order else "",
        reason=order.reason if order else "",
        recall=order.recall.from_versions if order and order.recall else "",
        brake=_brake(found.state, order),
        verdict=_known(found, order) if order else "",
        waves=tuple(_wave(found, wave, back.get(wave.name, 0)) for wave in found.state.waves),
        next_step=_next(found),
        signed=tuple(_signed(channel, order, signed)[:MOST_SIGNED]),
        earlier=tuple(earlier),
    )


def _signed(channel: Channel, order: Order | None, told: Sequence[SignedChange]) -> list[SignedChange]:
    """Return a channel's changes since its rollout began, whose first order names it."""
    mine = [one for one in told if f"{one.role}.".startswith(f"{channel.role}.")]
    first = max((at for at, one in enumerate(mine) if order and order.rollout in one.text), default=len(mine))
    return mine[: first + 1]


def _known(found: Course, order: Order) -> str:
    """Return what is known of the hosts."""
    if order.recall:
        left = counted(sum(found.recalled.values()), "host")
        return f"{left} still to go back from {order.recall.from_versions}"
    return _verdict(found).text


def _verdict(found: Course) -> Verdict:
    """Return what the gate says, or where no gate decides, what it would say of the newest wave."""
    if found.plan and found.plan.strategy == "gated":
        return found.step.verdict
    reached = found.state.in_rollout(found.state.newest or "")
    told = [(wave.order, found.tallies[wave.name].counts) for wave in reached if wave.order]
    last = [judge(counts, opened(order), found.now, found.bar) for order, counts in told[-1:]]
    return last[0] if last else found.step.verdict


def _brake(state: State, order: Order | None) -> str:
    held = order and (state.brake.holds_rollout(order.rollout) or state.brake.holds_version(order.version))
    return (state.brake.reason or "no reason given") if held else ""


def _wave(found: Course, wave: Wave, back: int) -> WavePart:
    order, counted = wave.order, found.tallies.get(wave.name)
    mine = counted is not None and order is not None
    counts = counted.counts if counted else _NOBODY
    stands = _state(found, order if mine else None)
    judged = mine and order and stands != "done" and not order.recall  # these wait for nothing
    verdict = judge(counts, opened(order), found.now, found.bar).text if judged and order else ""
    return WavePart(
        name=wave.name,
        share=share_text(found.state, wave.name),
        state=stands,
        version=order.version if order else "",
        opens=order.not_before if order else None,
        spread_until=order.not_before + timedelta(seconds=order.spread_s)
        if order and order.not_before and order.spread_s
        else None,
        closes=order.not_after if order else None,
        members=counts.members,
        expected=counts.expected,
        parts=_parts(counts) if mine else (),
        back=back,
        recalled=found.recalled.get(wave.name, 0),
        verdict=verdict,
        evidence=found.evidence.get(wave.name, "") if mine else "",
    )


def _parts(counts: Counts) -> tuple[Part, ...]:
    return (
        Part("ok", "healthy", counts.ok),
        Part("trial", "started", max(0, counts.silent - counts.lost)),
        Part("waiting", "to come", max(0, counts.members - counts.unfit - counts.started)),
        Part("failed", "failed", counts.failed),
        Part("silent", "silent", counts.lost),
    )


def _state(found: Course, order: Order | None) -> str:
    if order is None:
        return "waiting"
    if order.state == "hold" or _brake(found.state, order):
        return "held"
    whole = order.base and order.base.version == order.version and not order.not_after
    if whole and not found.recalled.get(order.wave):
        return "done"
    return "waiting" if order.not_before and order.not_before > found.now else "open"


def _next(found: Course) -> NextStep | None:
    """Return what a person may do now; None where nothing is to be done."""
    state, order = found.state, found.order
    if order is None:
        return None
    name, below, otherwise = str(state.channel), state.channel.below, "" if order.recall else ", or recall it"
    if _brake(state, order):
        said = f"lift the brake{otherwise}"
        return _step(found, below(BRAKE), said, f"tidegate brake {name} --release", "wait")
    reached = state.in_rollout(order.rollout)
    if paused := next((wave.name for wave in reached if wave.order and wave.order.state == "hold"), None):
        return _step(found, below(paused), f"resume it{otherwise}", f"tidegate rollout resume {name}", "wait")
    if order.recall:
        return _going_back(found, reached[0].name)
    if _verdict(found).action == "halt":
        return _step(found, below(BRAKE), "hold it", f"tidegate brake {name}", "stop")
    if any(counted.counts.failed and not counted.counts.ok for counted in found.tallies.values()):
        said = "look at what failed, then hold it or recall it"
        return _step(found, below(BRAKE), said, f"tidegate brake {name}", "stop")
    return _further(found, [wave.name for wave in reached])


def _going_back(found: Course, wave: str) -> NextStep | None:
    """Return that a recall is waited for, which goes on by itself."""
    left = sum(found.recalled.values())
    if not left:
        return None
    name, role = str(found.state.channel), found.state.channel.below(wave)
    said = f"wait for {counted(left, 'host')} to go back"
    return _step(found, role, said, f"tidegate rollout status {name}", "wait")


def _further(found: Course, reached: Sequence[str]) -> NextStep | None:
    """Return how a rollout goes on that nothing holds."""
    state, name = found.state, str(found.state.channel)
    if all(_state(found, wave.order) == "done" for wave in state.inhabited):
        return None
    last = state.channel.below(reached[-1])
    if any(wave.name == reached[-1] and _state(found, wave.order) == "waiting" for wave in state.waves):
        return _step(
            found, last, f"wait until {reached[-1]} begins", f"tidegate rollout status {name}", "wait"
        )
    following = next((wave.name for wave in state.inhabited if wave.name not in reached), None)
    if following is None:
        return _step(found, last, "complete it", f"tidegate rollout promote {name}")
    waits = _waits(found, reached[-1])
    text = f"wait for {reached[-1]}, then open" if waits else "open"
    gated = found.plan and found.plan.strategy == "gated"
    command = f"tidegate rollout {'advance' if gated else 'promote'} {name}"
    role = state.channel.below(following)
    return _step(found, role, f"{text} the wave “{following}”", command, "wait" if waits else "go")


def _waits(found: Course, last: str) -> bool:
    """Return whether the newest wave is to be waited for; one without hosts opens by hand alone."""
    verdict, gated = _verdict(found), found.plan and found.plan.strategy == "gated"
    return verdict.action == "wait" and bool(gated or found.tallies[last].counts.members)


def _step(found: Course, role: str, text: str, command: str, tone: str = "go") -> NextStep:
    delegation = found.delegations[role]
    return NextStep(text, f"{delegation.threshold} of {who(delegation.keys)}", command, tone)


def live_orders(states: Iterable[State]) -> list[Order]:
    """Return what the waves of several channels are ordered."""
    return [wave.order for state in states for wave in state.waves if wave.order]
