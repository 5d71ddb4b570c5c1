"""Put new orders, a policy or a brake into the tree."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from metadata.documents import Brake, Order, Policy
from metadata.strict import convert, encode, to_json
from repo_tools.contents import route_entry
from repo_tools.desk import Desk
from repo_tools.roles import BRAKE, POLICY, SELECTED, Channel
from repo_tools.rollouts import hosts, plans
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.state import State
from repo_tools.signed.views import Entry


@dataclass(frozen=True)
class Change:
    """What a command wants to change in a channel."""

    orders: Mapping[str, Order] = field(default_factory=dict)
    """By wave."""
    policy: Policy | None = None
    brake: Brake | None = None
    picked: Mapping[str, Order] | None = None
    """Every order of a selected host, by its route, where they change."""
    routes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By wave, where hosts are to find it on other routes."""
    hosts: Collection[str] = ()
    """The ids of hosts that it selects."""
    plan: Plan | None = None
    """How the rollout that it begins goes on, where a job is to see to it."""


def roles_of(channel: Channel, change: Change) -> list[str]:
    """Return the roles that a change edits, in the order in which it does."""
    top = [channel.role] if change.policy or change.routes else []
    brake = [channel.below(BRAKE)] if change.brake else []
    selected = [channel.below(SELECTED)] if change.picked is not None else []
    return [*top, *brake, *selected, *(channel.below(wave) for wave in change.orders)]


def reshaped(state: State, change: Change) -> State:
    """Return a channel with the waves and the policy that a change gives it."""
    waves = tuple(
        replace(wave, routes=tuple(change.routes.get(wave.name, wave.routes))) for wave in state.waves
    )
    return replace(state, waves=waves, policy=change.policy or state.policy)


def in_force(state: State, change: Change) -> State:
    """Return a channel once a change is public."""
    after = reshaped(state, change)
    waves = tuple(
        replace(wave, order=order, document=state.catalog.entry(order.version))
        if (order := change.orders.get(wave.name))
        else wave
        for wave in after.waves
    )
    picked = state.picked if change.picked is None else change.picked
    return replace(after, waves=waves, brake=change.brake or state.brake, picked=picked)


def routes_of(state: State, order: Order) -> list[Entry]:
    """Return a wave's routes as an order makes them."""
    document = state.catalog.entry(order.version)
    routes = next(wave.routes for wave in state.waves if wave.name == order.wave)
    custom = {"tidegate": to_json(order)}
    return [route_entry(state.channel.path(route), document, custom) for route in routes]


def stage(desk: Desk, state: State, change: Change) -> None:
    """Stage a change."""
    channel, after = state.channel, reshaped(state, change)
    for wave, order in change.orders.items():
        convert(to_json(order), Order, refuse_unknown=True)  # what is signed must be readable
        _stage_entries(desk, channel.below(wave), routes_of(after, order))
        if change.plan is not None:
            plans.keep(desk.workspace, channel.product, order.rollout, change.plan)
        elif not state.in_rollout(order.rollout):
            plans.forget(desk.workspace, channel.product, order.rollout)
    if change.picked is not None:
        hosts.keep(desk.workspace, change.hosts)
        _stage_picked(desk, state, change.picked)
    if change.routes:
        _stage_routes(desk, channel, change.routes)
    if change.policy is not None:
        convert(to_json(change.policy), Policy, refuse_unknown=True)
        _stage_file(desk, channel.role, channel.path(POLICY), encode(change.policy))
    if change.brake is not None:
        convert(to_json(change.brake), Brake, refuse_unknown=True)
        _stage_file(desk, channel.below(BRAKE), channel.path(BRAKE), encode(change.brake))


def routes_picked(state: State, picked: Mapping[str, Order]) -> list[Entry]:
    """Return the routes of selected hosts as their orders make them."""
    entry, path = state.catalog.entry, state.channel.path
    return [
        route_entry(path(route), entry(order.version), {"tidegate": to_json(order)})
        for route, order in picked.items()
    ]


def _stage_picked(desk: Desk, state: State, picked: Mapping[str, Order]) -> None:
    for order in picked.values():
        convert(to_json(order), Order, refuse_unknown=True)
    _stage_entries(desk, state.channel.below(SELECTED), routes_picked(state, picked))


def _stage_entries(desk: Desk, role: str, entries: Sequence[Entry]) -> None:
    """Let a role list these entries and no others."""
    before = desk.tree.find(role)
    wanted = {entry.path: entry for entry in entries}
    with desk.tree.edit(role) as draft:
        for path in before.entries if before else ():
            if path not in wanted:
                draft.drop(path)
        for entry in wanted.values():
            draft.put(entry)


def _stage_routes(desk: Desk, channel: Channel, routes: Mapping[str, Sequence[str]]) -> None:
    with desk.tree.edit(channel.role) as draft:
        for wave, found in routes.items():
            draft.delegate_paths(channel.below(wave), [channel.path(route) for route in found])


def _stage_file(desk: Desk, role: str, path: str, data: bytes) -> None:
    with desk.tree.edit(role) as draft:
        draft.put(desk.contents.stage(path, data))
