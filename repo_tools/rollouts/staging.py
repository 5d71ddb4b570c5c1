"""Put new orders, a policy or a brake into the tree."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from metadata.documents import Brake, Order, Policy
from metadata.strict import convert, encode, to_json
from repo_tools.contents import route_entry
from repo_tools.desk import Desk
from repo_tools.roles import BRAKE, POLICY, Channel
from repo_tools.rollouts import plans
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.state import State


@dataclass(frozen=True)
class Change:
    """What a command wants to change in a channel."""

    orders: Mapping[str, Order] = field(default_factory=dict)
    """By wave."""
    policy: Policy | None = None
    brake: Brake | None = None
    plan: Plan | None = None
    """How the rollout that it begins goes on, where a job is to see to it."""


def roles_of(channel: Channel, change: Change) -> list[str]:
    """Return the roles that a change edits, in the order in which it does."""
    top = [channel.role] if change.policy else []
    brake = [channel.below(BRAKE)] if change.brake else []
    return [*top, *brake, *(channel.below(wave) for wave in change.orders)]


def stage(desk: Desk, state: State, change: Change) -> None:
    """Stage a change."""
    channel = state.channel
    routes = {wave.name: wave.routes for wave in state.waves}
    for wave, order in change.orders.items():
        convert(to_json(order), Order, refuse_unknown=True)  # what is signed must be readable
        document = state.catalog.entry(order.version)
        with desk.tree.edit(channel.below(wave)) as draft:
            for route in routes[wave]:
                draft.put(route_entry(channel.path(route), document, {"tidegate": to_json(order)}))
        if change.plan is not None:
            plans.keep(desk.workspace, order.rollout, change.plan)
    if change.policy is not None:
        convert(to_json(change.policy), Policy, refuse_unknown=True)
        _stage_file(desk, channel.role, channel.path(POLICY), encode(change.policy))
    if change.brake is not None:
        convert(to_json(change.brake), Brake, refuse_unknown=True)
        _stage_file(desk, channel.below(BRAKE), channel.path(BRAKE), encode(change.brake))


def _stage_file(desk: Desk, role: str, path: str, data: bytes) -> None:
    with desk.tree.edit(role) as draft:
        draft.put(desk.contents.stage(path, data))
