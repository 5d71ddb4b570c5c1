"""Renew in one sitting: stage new versions of everything that expires soon, as it is."""

from collections.abc import Mapping
from datetime import timedelta

from metadata.errors import UsageError
from repo_tools.desk import Desk
from repo_tools.roles import ONLINE, TOP_LEVEL, lifetime
from repo_tools.signed.rekeying import limit


def due(desk: Desk, within: timedelta | None) -> list[str]:
    """Return the roles that expire within a time, parents first; None: whose life is half over."""
    targets = desk.tree.view("targets")
    below = [name for role in targets.delegations for name in (role, *desk.tree.view(role).delegations)]
    roles = ["root", "targets", *(role for role in below if role not in TOP_LEVEL)]
    left = {role: desk.tree.view(role).expires_at - desk.now for role in roles}
    return [role for role in roles if left[role] <= (lifetime(role) / 2 if within is None else within)]


def renew(desk: Desk, within: timedelta | None, limits: Mapping[str, timedelta]) -> list[str]:
    """Stage new versions of what is due; return their roles.

    Args:
        desk: The workspace.
        within: How soon a role must expire to be renewed; None: when half its life is over.
        limits: How long signatures of online roles may last from now on.

    Raises:
        UsageError: A limit is for a role that people sign, or no time.
    """
    for role, span in limits.items():
        if role not in ONLINE or span <= timedelta(0):
            raise UsageError(f"no limit can be set for {role}", "write --limit timestamp=3d or snapshot=7d")
        limit(desk.tree, role, span)
    roles = due(desk, within)
    for role in roles:
        with desk.tree.edit(role, renew=True):
            pass
    return roles
