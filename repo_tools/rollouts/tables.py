"""A channel's waves as tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from metadata import strict
from metadata.documents import Order, Policy
from repo_tools.desk import Desk
from repo_tools.output import Answer, Sheet, counted, short
from repo_tools.rollouts.staging import Change, roles_of
from repo_tools.rollouts.state import State
from repo_tools.signing import missing, who


def table(state: State, now: datetime, lines: Sequence[str] = ()) -> Answer:
    """Return what each wave is ordered to run, and some lines below it."""
    orders = {wave.name: wave.order for wave in state.waves}
    data: dict[str, Any] = {
        "channel": str(state.channel),
        "rollout": state.newest,
        "floor_seq": state.policy.floor_seq,
        "brake": strict.to_json(state.brake),
        "waves": _waves(state, orders),
    }
    return Answer(data, [_sheet(state, orders, now), *_held(state), *lines])


def planned(desk: Desk, state: State, change: Change) -> Answer:
    """Return what a change would do, and who would have to sign it."""
    delegations = {**desk.tree.view(state.channel.role).delegations, **desk.tree.view("targets").delegations}
    sign = {role: delegations[role] for role in roles_of(state.channel, change)}
    data = {
        "channel": str(state.channel),
        "dry_run": True,
        "waves": _waves(state, change.orders),
        "signatures": [
            {"role": role, "threshold": found.threshold, "keys": [key.name for key in found.keys]}
            for role, found in sign.items()
        ],
        "staged_before": [found.role for found in missing(desk)],
    }
    rows = [[role, f"{found.threshold} of {who(found.keys)}"] for role, found in sign.items()]
    staged = [found for found in missing(desk) if found.role not in sign]
    rows += [[found.role, f"{found.missing} of {who(found.unsigned)}, staged before"] for found in staged]
    end = "nothing more was staged" if desk.tree.staged() else "nothing is staged"
    return Answer(
        data,
        [
            _sheet(state, change.orders, desk.now),
            Sheet(["role", "must be signed by"], rows),
            end,
        ],
    )


def share_text(state: State, name: str) -> str:
    """Return the part of the fleet that a wave is, such as ``5 %`` or ``3 hosts``."""
    routes = next((wave.routes for wave in state.waves if wave.name == name), ())
    return share_words(state.policy, name, routes)


def share_words(policy: Policy, name: str, routes: Sequence[str]) -> str:
    """Return the part of the fleet that some routes are, by the policy's percentages."""
    percents = {share.name: share.percent for share in policy.waves}
    hosts = sum(len(route) == 16 for route in routes)
    percent = f"up to {percents[name]} %" if percents.get(name, "0") != "0" else ""
    return " and ".join(part for part in (counted(hosts, "host") if hosts else "", percent) if part) or "-"


def _waves(state: State, orders: Any) -> list[dict[str, Any]]:
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


def _sheet(state: State, orders: Any, now: datetime) -> Sheet:
    columns = ["wave", "share", "routes", "rollout", "version", "state", "base", "from", "spread", "until"]
    rows = [
        [wave.name, share_text(state, wave.name), str(len(wave.routes)), *_order(orders.get(wave.name), now)]
        for wave in state.waves
        if wave.name in orders
    ]
    return Sheet(columns, rows, str(state.channel), spare=("routes", "spread", "base", "share"))


def _order(order: Order | None, now: datetime) -> list[str]:
    if order is None:
        return ["-", "-", "nothing ordered", "-", "-", "-", "-"]
    recalled = f", recalls {order.recall.from_versions}" if order.recall else ""
    done = order.base and order.base.version == order.version and not order.not_after and not order.recall
    complete = ", complete" if done else ""
    return [
        order.rollout,
        order.version,
        f"{order.state}{complete}{recalled}",
        order.base.version if order.base else "-",
        short(order.not_before, now),
        f"{order.spread_s} s",
        short(order.not_after, now),
    ]


def _held(state: State) -> list[str]:
    held = [str(entry.rollout or entry.version) for entry in state.brake.hold]
    return [f"the brake holds {', '.join(held)}: {state.brake.reason or 'no reason given'}"] if held else []
