"""A channel's newest rollout as it stands: what is ordered, what was counted, what the gate says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from repo_tools.pages.recalled import Left
from repo_tools.roles import Channel
from repo_tools.rollouts import plans
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.state import State, Wave, held_by, opened, read_state
from repo_tools.signed.views import Delegation

NOBODY, NOBODY_LEFT = Counts(), Left()
STANDS = {
    "waiting": "not yet",
    "open": "open",
    "held": "held",
    "over": "over",
    "done": "complete",
    "earlier": "another rollout",
}
"""How far a wave may be, with its words."""


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
    recalled: Mapping[str, Left] = field(default_factory=dict)
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
    def following(self) -> str | None:
        """The wave that comes next; None where no wave is left to open."""
        return next((wave.name for wave in self.state.inhabited if wave.name not in self.tallies), None)

    @property
    def deciding(self) -> Order | None:
        """The order on which it depends what comes next.

        That is one that fails; where all waves have it, and completing it would send everybody there, one
        that is waited for; else the newest.
        """
        told = [wave.order for wave in self.reached if wave.order]
        undone = [order for order in told if self.stands(order) != "done"]
        actions = ("halt",) if self.following else ("halt", "wait")
        found = (
            order
            for action in actions
            for order in undone
            if self.judged(order).action == action and self.tallies[order.wave].counts.members
        )
        return next(found, told[-1] if told else None)

    @property
    def verdict(self) -> Verdict:
        """What the gate says, or where no gate decides, what it would say."""
        order = self.deciding
        if order is None or (self.gated and self.step.wave in {None, order.wave}):
            return self.step.verdict
        return self.judged(order)

    @property
    def brake(self) -> str:
        """Why the brake holds it; empty if it does not."""
        held = self.order and held_by(self.state.brake, self.order)
        return (self.state.brake.reason or "no reason given") if held else ""

    def judged(self, order: Order) -> Verdict:
        """Return what the gate says, or would say, of one of its waves."""
        found = judge(self.tallies[order.wave].counts, opened(order), self.now, self.bar)
        # where no gate decides, what a gate on nobody does is of no use
        return found if self.gated or found.rule != "nobody" else replace(found, text=_first(found.text))

    def stands(self, order: Order | None) -> str:
        """Return how far a wave is: ``waiting``, ``open``, ``held``, ``over`` or ``done``."""
        if order is None:
            return "waiting"
        if order.state == "hold" or held_by(self.state.brake, order):
            return "held"
        whole = order.base and order.base.version == order.version and not order.not_after
        if whole and not self.recalled.get(order.wave, NOBODY_LEFT).hosts:
            return "done"
        if order.not_after and order.not_after <= self.now:
            return "over"
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


def _first(text: str) -> str:
    return text.partition(";")[0]


def _evidence(desk: Desk, order: Order) -> str:
    found = evidence.find(desk.store, order)
    return found[0].removeprefix("status/") if found else ""
