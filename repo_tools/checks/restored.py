"""What a recovery brings back: it was public before, so that nothing begins with it.

Only roles whose keys change are looked at, and only where they say something else than what is live.
"""

from collections import defaultdict

from repo_tools.desk import Desk
from repo_tools.roles import TOP_LEVEL, parent
from repo_tools.signed.restoring import said_before


def restored(desk: Desk) -> frozenset[str]:
    """Return the staged roles that other keys sign, and that list what an older version did."""
    roles = [role for role in desk.tree.staged() if role not in TOP_LEVEL and _comes_back(desk, role)]
    versions = _versions(desk) if roles else {}
    return frozenset(role for role in roles if said_before(desk.tree, role, versions[role]))


def _comes_back(desk: Desk, role: str) -> bool:
    """Return whether a role gets other keys and other content at once."""
    tree = desk.tree
    before, after = tree.live_view(parent(role)), tree.find(parent(role))
    if before is None or after is None or not {role} <= before.delegations.keys() & after.delegations.keys():
        return False
    live = tree.live_view(role)
    has_other_keys = before.delegations[role].keys != after.delegations[role].keys
    return has_other_keys and live is not None and live.entries != tree.view(role).entries


def _versions(desk: Desk) -> dict[str, list[int]]:
    """Return the numbers of the versions of each role that lie in the store: a thief's leave gaps."""
    found = defaultdict(list)
    for item in desk.first.below("metadata"):
        number, _, role = item.name.removeprefix("metadata/").removesuffix(".json").partition(".")
        if number.isdecimal():
            found[role].append(int(number))
    return found
