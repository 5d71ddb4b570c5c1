"""Renew in one sitting: stage new versions of everything that expires soon, or lasts too long, as it is."""

from collections.abc import Mapping
from datetime import timedelta

from metadata.errors import UsageError
from repo_tools.desk import Desk
from repo_tools.roles import ONLINE, TOP_LEVEL, lifetime
from repo_tools.signed.rekeying import limit

_SLACK = timedelta(days=1)
"""How much longer than usual a role may last, before somebody's clock was ahead when it was prepared."""


def due(desk: Desk, within: timedelta | None) -> list[str]:
    """Return roles that expire within a time, parents first; None: whose life is half over, or too long."""
    if within is not None:
        return [role for role, left in _left(desk).items() if left <= within]
    long = overlong(desk)
    return [role for role, left in _left(desk).items() if left <= lifetime(role) / 2 or role in long]


def overlong(desk: Desk) -> list[str]:
    """Return the roles that last longer than if they were signed now: a clock was ahead when they were."""
    return [role for role, left in _left(desk).items() if left > lifetime(role) + _SLACK]


def _left(desk: Desk) -> dict[str, timedelta]:
    targets = desk.tree.view("targets")
    below = [name for role in targets.delegations for name in (role, *desk.tree.view(role).delegations)]
    roles = ["root", "targets", *(role for role in below if role not in TOP_LEVEL)]
    return {role: desk.tree.view(role).expires_at - desk.now for role in roles}


def renew(desk: Desk, within: timedelta | None, limits: Mapping[str, timedelta]) -> list[str]:
    """Stage new versions of what is due; return their roles.

    Args:
        desk: The workspace.
        within: How soon a role must expire to be renewed; None: when half its life is over, or too long.
        limits: How long signatures of online roles may last from now on.

    Raises:
        UsageError: A limit is for a role that people sign, no time, or too short beside the other.
    """
    for role, span in limits.items():
        if role not in ONLINE or span <= timedelta(0):
            raise UsageError(f"no limit can be set for {role}", "write --limit timestamp=3d or snapshot=7d")
    _refuse_short(desk, limits)
    for role, span in limits.items():
        limit(desk.tree, role, span)
    roles = due(desk, within)
    for role in roles:
        with desk.tree.edit(role, renew=True):
            pass
    return roles


def _refuse_short(desk: Desk, limits: Mapping[str, timedelta]) -> None:
    """Refuse a snapshot that may expire below a timestamp: it is renewed when half of its life is over."""
    root = desk.tree.view("root").delegations
    known = {role: timedelta(seconds=root[role].lifetime_s or 0) or lifetime(role) for role in ONLINE}
    asked = {**known, **limits}
    least = 2 * asked["timestamp"]
    if limits and asked["snapshot"] < least:
        spans = {role: _span(span) for role, span in asked.items()}
        text = (
            f"a timestamp of {spans['timestamp']} needs a snapshot of twice that, not of {spans['snapshot']}"
        )
        raise UsageError(text, f"add --limit snapshot={_span(least)}")


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return next(f"{seconds // size}{unit}" for unit, size in _UNITS.items() if seconds % size == 0)


_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
