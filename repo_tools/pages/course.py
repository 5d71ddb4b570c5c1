"""A channel's newest rollout as it stands: what is ordered, what was counted, what the gate says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from metadata.documents import Order
from repo_tools.audit import evidence
from repo_tools.collect.placing import Map, map_of
from repo_tools.collect.records import Standing
from repo_tools.desk import Desk
from repo_tools.gate.advance import Step, advance
from repo_tools.gate.counting import Tally, tally
from repo_tools.gate.replaying import bar_of
from repo_tools.gate.verdict import Bar, Counts, Verdict, judge
from repo_tools.roles import Channel
from repo_tools.rollouts import plans
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.state import State, Wave, held_by, opened, read_state
from repo_tools.signed.views import Delegation

NOBODY = Counts()


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
    def reached(self) -> list[Wave]:
        """The waves that the newest rollout came to."""
        return self.state.in_rollout(self.state.newest) if self.state.newest else []

    @property
    def order(self) -> Order | None:
        """The newest rollout's first order."""
        return next((wave.order for wave in self.reached if wave.order), None)

    @property
    def gated(self) -> bool:
        """Whether evidence opens the next wave."""
        return self.plan is not None and self.plan.strategy == "gated"

    @property
    def bar(self) -> Bar:
        """What evidence must reach."""
        return bar_of(self.plan.pace) if self.plan else Bar()

    @property
    def verdict(self) -> Verdict:
        """What the gate says, or where no gate decides, what it would say of the newest wave."""
        told = [wave.order for wave in self.reached if wave.order]
        return self.judged(told[-1]) if told and not self.gated else self.step.verdict

    @property
    def brake(self) -> str:
        """Why the brake holds it; empty if it does not."""
        held = self.order and held_by(self.state.brake, self.order)
        return (self.state.brake.reason or "no reason given") if held else ""

    def judged(self, order: Order) -> Verdict:
        """Return what the gate says, or would say, of one of its waves."""
        return judge(self.tallies[order.wave].counts, opened(order), self.now, self.bar)

    def stands(self, order: Order | None) -> str:
        """Return how far a wave is: ``waiting``, ``open``, ``held`` or ``done``."""
        if order is None:
            return "waiting"
        if order.state == "hold" or self.brake:
            return "held"
        whole = order.base and order.base.version == order.version and not order.not_after
        if whole and not self.recalled.get(order.wave):
            return "done"
        return "waiting" if order.not_before and order.not_before > self.now else "open"


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


def course(desk: Desk, channel: Channel, lake: Path, *, empty: bool) -> Course:
    """Return what is published of a channel, and what was counted.

    Args:
        desk: The workspace with nothing staged on it.
        channel: Which one.
        lake: What was collected.
        empty: Whether nothing was.
    """
    state = read_state(desk, channel)
    plan = plans.newest(desk.workspace, state)
    known = map_of(state)
    waves = Placed(known.salt, known.waves)

    def count(order: Order) -> Tally:
        if empty:
            return Tally(NOBODY, 0, "")
        return tally(lake, order, opened(order), waves, desk.now)

    orders = [wave.order for wave in state.in_rollout(state.newest or "") if wave.order]
    tallies = {order.wave: count(order) for order in orders}
    step = advance(state, plan, lambda order: tallies[order.wave], Terms(desk.now))
    proofs = {order.wave: _evidence(desk, order) for order in orders}
    return Course(state, plan, tallies, proofs, step, desk.tree.view(channel.role).delegations, desk.now)


def _evidence(desk: Desk, order: Order) -> str:
    found = evidence.find(desk.store, order)
    return found[0].removeprefix("status/") if found else ""
