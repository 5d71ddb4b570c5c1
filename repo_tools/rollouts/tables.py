"""A channel's waves as tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from metadata import strict
from metadata.documents import Brake, Order, Policy
from repo_tools.desk import Desk
from repo_tools.output import Answer, Sheet, counted, span, to_minute
from repo_tools.roles import Channel
from repo_tools.rollouts import braking, hosts
from repo_tools.rollouts.batches import batch_lines, selected
from repo_tools.rollouts.staging import Change, roles_of
from repo_tools.rollouts.state import State, complete, has_ended, held_by, is_own, read_state
from repo_tools.signing import missing, who

Orders = Mapping[str, Order | None]
"""By wave."""


def table(desk: Desk, channel: Channel, lines: Sequence[str] = ()) -> Answer:
    """Return what each wave is ordered to run, what is staged over that, and some lines below it."""
    public, staged = _public(desk, channel), read_state(desk, channel)
    ids = hosts.kept(desk.workspace)
    orders = {wave.name: wave.order for wave in public.waves} if public else {}
    ahead = {
        wave.name: wave.order
        for wave in staged.waves
        if wave.name not in orders or wave.order != orders[wave.name]
    }
    waves = {one["name"]: {**one, "staged": None} for one in (_waves(public, orders) if public else ())}
    for one in _waves(staged, ahead):
        waves.setdefault(one["name"], {**one, "order": None})["staged"] = one["order"]
    said, other = ({**_channel(one), "selected": selected(one, ids, desk.now)} for one in (public, staged))
    data = {
        "channel": str(channel),
        **said,
        "waves": list(waves.values()),
        "staged": {field: found for field, found in other.items() if found != said[field]},
    }
    here: list[str | Sheet] = (
        [_sheet(public, orders, desk.now, str(channel)), *_held(public, desk.now)] if public else []
    )
    singles = [*batch_lines(said["selected"], ""), *batch_lines(data["staged"].get("selected"), "staged: ")]
    return Answer(data, [*here, *_ahead(public, staged, ahead, desk.now), *singles, *lines])


def _channel(state: State | None) -> dict[str, Any]:
    """Return what is the same for all waves; None everywhere where nothing is public."""
    return {
        "rollout": state.newest if state else None,
        "floor_seq": state.policy.floor_seq if state else None,
        "brake": strict.to_json(state.brake) if state else None,
    }


def _public(desk: Desk, channel: Channel) -> State | None:
    """Return what is live in a channel, or None before its first publication."""
    published = desk.published()
    return read_state(published, channel) if published.tree.find(channel.role) else None


def _ahead(public: State | None, staged: State, orders: Orders, now: datetime) -> list[str | Sheet]:
    """Return what is staged and not live, marked as that."""
    shown: list[str | Sheet] = []
    title = f"{staged.channel}, staged: no host follows it before it is published"
    if any(orders.values()) or not public:
        shown.append(_sheet(staged, orders, now, title))
    if staged.brake != (public.brake if public else Brake()):
        nothing = [] if staged.brake.hold else ["the brake holds nothing"]
        shown += [f"staged: {line}" for line in (*nothing, *_held(staged, now))]
    return shown


def planned(desk: Desk, state: State, change: Change, wording: Sequence[str]) -> Answer:
    """Return what a change would do, and who would have to sign it."""
    delegations = {**desk.tree.view(state.channel.role).delegations, **desk.tree.view("targets").delegations}
    sign = {role: delegations[role] for role in roles_of(state.channel, change)}
    before = missing(desk)
    data = {
        "channel": str(state.channel),
        "dry_run": True,
        "changes": list(wording),
        "waves": _waves(state, change.orders),
        "signatures": [
            {"role": role, "threshold": found.threshold, "keys": [key.name for key in found.keys]}
            for role, found in sign.items()
        ],
        "staged_before": [found.role for found in before],
    }
    rows = [[role, f"{found.threshold} of {who(found.keys)}"] for role, found in sign.items()]
    rows += [
        [found.what, f"{found.missing} of {who(found.unsigned)}, staged before"]
        for found in before
        if found.role not in sign
    ]
    end = "nothing more was staged" if desk.tree.staged() else "nothing is staged"
    return Answer(data, [*wording, Sheet(["role", "must be signed by"], rows), end])


def share_text(state: State, name: str) -> str:
    """Return the part of the fleet that a wave is, such as ``5 %`` or ``3 hosts``."""
    routes = next((wave.routes for wave in state.waves if wave.name == name), ())
    return share_words(state.policy, name, routes)


def share_words(policy: Policy, name: str, routes: Sequence[str]) -> str:
    """Return the part of the fleet that some routes are, by the policy's percentages."""
    percents = {share.name: share.percent for share in policy.waves}
    hosts = sum(map(is_own, routes))
    percent = f"up to {percents[name]} %" if percents.get(name, "0") != "0" else ""
    return " and ".join(part for part in (counted(hosts, "host") if hosts else "", percent) if part) or "-"


def _waves(state: State, orders: Orders) -> list[dict[str, Any]]:
    return [
        {
            "name": wave.name,
            "share": share_text(state, wave.name),
            "routes": len(wave.routes),
            "order": strict.to_json(order) if (order := orders.get(wave.name)) else None,
        }
        for wave in state.waves
        if wave.name in orders
    ]


def _sheet(state: State, orders: Orders, now: datetime, title: str) -> Sheet:
    columns = ["wave", "share", "routes", "rollout", "version", "state", "base", "from", "spread", "until"]
    rows = [
        [
            wave.name,
            share_text(state, wave.name),
            str(len(wave.routes)),
            *_order(state, orders.get(wave.name), now),
        ]
        for wave in state.waves
        if wave.name in orders
    ]
    return Sheet(columns, rows, title, spare=("routes", "share", "base", "spread"))


def _order(state: State, order: Order | None, now: datetime) -> list[str]:
    if order is None:
        return ["-", "-", "nothing ordered", "-", "-", "-", "-"]
    recalled = f", recalls {order.recall.from_versions}" if order.recall else ""
    done = ", complete" if complete(order) else ""
    return [
        order.rollout,
        order.version,
        f"{_stands(state, order, now)}{done}{recalled}",
        order.base.version if order.base else "-",
        to_minute(order.not_before),
        span(order.spread_s),
        to_minute(order.not_after),
    ]


def _stands(state: State, order: Order, now: datetime) -> str:
    if order.state == "go" and held_by(state.brake, order):
        return "braked"
    return "closed" if has_ended(order, now) else order.state


def _held(state: State, now: datetime) -> list[str]:
    held = ", ".join(str(entry.rollout or entry.version) for entry in state.brake.hold)
    lines = [f"the brake holds {held}: {state.brake.reason or 'no reason given'}"] if held else []
    return [*lines, *(f"{text}; {hint}" for text, hint in braking.ahead(state, now))]
