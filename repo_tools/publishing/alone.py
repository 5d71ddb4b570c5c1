"""Some of what is staged goes out, or is taken back, without the rest: what cannot be torn apart.

A role is public or not as a whole, and most roles do not need each other. These do: an order and the release
that is staged with it, a new role and the one that delegates to it, a wave and its routes, new keys of a role
and what they sign, and everything before the first publication.
"""

from collections.abc import Collection, Iterator

from metadata.errors import MalformedError, UnsuitableError, UsageError
from metadata.fields import Pointer
from repo_tools.desk import Desk
from repo_tools.recovery import honest
from repo_tools.roles import BRAKE, is_wave, parent, releases
from repo_tools.rollouts.state import order_in
from repo_tools.signed.restoring import orphans
from repo_tools.signed.tree import Tree
from repo_tools.signed.views import View
from repo_tools.signing import missing


def chosen(desk: Desk, roles: Collection[str]) -> Desk:
    """Return the desk with only these staged roles on it; the desk itself when none is named.

    Raises:
        UsageError: One of them is not staged.
    """
    staged = desk.tree.staged()
    for role in roles:
        if role not in staged:
            hint = f"staged: {', '.join(staged)}" if staged else "nothing is staged"
            raise UsageError(f"{role} is not staged", hint)
    return desk.alone(roles) if roles else desk


def unreadable(desk: Desk, roles: Collection[str]) -> list[str]:
    """Return the staged roles whose files are damaged."""
    found = []
    for role in roles:
        try:
            desk.tree.staged_metadata(role)
        except MalformedError:
            found.append(role)
    return found


def refuse_undelegated(desk: Desk) -> None:
    """Refuse to sign a role that nobody on this desk delegates to: no signature on it would count.

    Raises:
        UnsuitableError: It names the role that does.
    """
    for role in desk.tree.staged() if desk.only is not None else ():
        if role not in desk.tree.view(parent(role)).delegations:
            text = f"{role} is new, and {parent(role)} delegates to it: {parent(role)} must come along"
            raise UnsuitableError(text, f"add --role {parent(role)}")


def refuse_torn(desk: Desk, roles: Collection[str]) -> None:
    """Refuse to publish staged roles without others that they need; no roles are all of them.

    Raises:
        UnsuitableError: It names what must come along.
    """
    if roles and "root" not in roles and honest.read(desk.workspace) is not None:
        text = "a recovery is staged, which starts from an older timestamp: nothing goes out before it"
        raise UnsuitableError(text, "tidegate status says who must sign it; then publish it whole")
    for role, reason in companions(desk, roles):
        raise UnsuitableError(f"{reason}: {role} must come along", f"add --role {role}")


def complete(desk: Desk) -> list[str]:
    """Return the staged roles that are fully signed and can each go out without any other, brakes first."""
    if honest.read(desk.workspace) is not None:
        return []
    roles = sorted(desk.tree.staged(), key=lambda role: not role.endswith(f".{BRAKE}"))
    free = [role for role in roles if next(companions(desk, [role]), None) is None]
    return [role for role in free if not missing(desk.alone([role]))]


def refuse_orphaned(desk: Desk, roles: Collection[str]) -> None:
    """Refuse to take staged roles back that others need, which stay staged.

    Raises:
        UnsuitableError: It says which and why.
    """
    kept = [role for role in desk.tree.staged() if role not in roles]
    if desk.live.timestamp is None:
        text = "nothing is published yet: what is staged is the founding itself"
        raise UnsuitableError(text, "to begin again, remove the workspace and found another one")
    if kept and honest.read(desk.workspace) is not None:
        raise UnsuitableError("a recovery is taken back whole, or not at all", "tidegate unstage --all")
    for role, reason in companions(desk, kept):
        hint = "take back together what belongs together, or everything: tidegate unstage --all"
        raise UnsuitableError(f"{reason}: {role} cannot be taken back alone", hint)


def companions(desk: Desk, roles: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield staged roles that others need in the same publication, and why."""
    part = desk.alone(roles).tree
    rest = [role for role in desk.tree.staged() if role not in roles]
    if rest and roles and desk.live.timestamp is None:
        yield rest[0], "nothing is published yet, and the first publication is everything"
    for role in part.staged():
        if parent(role) in rest:
            yield from _above(desk.tree, part, role)
        if role.count(".") == 2 and not role.endswith(f".{BRAKE}"):
            yield from _ordered(desk.tree, part, role, rest)
    lost = orphans(part)
    for role in rest:
        if parent(role) in roles:
            yield from _below(desk.tree, part, role, lost)


def _above(tree: Tree, part: Tree, role: str) -> Iterator[tuple[str, str]]:
    """Yield the role that delegates, where only its staged version has room for what a role says."""
    above = parent(role)
    before = part.find(above)
    if before is None or role not in before.delegations:
        yield above, f"{role} is new, and {above} delegates to it"
    elif is_wave(role) and not _fits(part.view(role), before) and _fits(part.view(role), tree.view(above)):
        yield above, f"{above} says which hosts {role} speaks to"


def _below(tree: Tree, part: Tree, role: str, lost: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield a role that a delegator changed, where only its staged version is what that one wants."""
    above = part.view(parent(role))
    if role not in above.delegations:
        return
    before = part.find(role)
    if before is None or role in lost:
        yield role, f"{above.role} changes who may sign {role}"
    elif is_wave(role) and not _fits(before, above) and _fits(tree.view(role), above):
        yield role, f"{above.role} changes which hosts {role} speaks to"


def _ordered(tree: Tree, part: Tree, role: str, rest: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the releases role, where an order leads to what only its staged version lists."""
    for entry in {entry.sha256: entry for entry in part.view(role).entries.values()}.values():
        order = order_in(entry)
        above = releases(order.product)
        asked = [Pointer(version=order.version, sha256=entry.sha256), *([order.base] if order.base else [])]
        for pointer in asked if above in rest else ():
            if _lists(tree.view(above), pointer) and not _lists(part.find(above), pointer):
                yield above, f"{role} orders {pointer.version}, which is only staged"


def _fits(wave: View, above: View) -> bool:
    return not wave.entries or wave.entries.keys() == set(above.delegations[wave.role].paths)


def _lists(found: View | None, pointer: Pointer) -> bool:
    entries = found.entries.values() if found else ()
    return any(entry.sha256 == pointer.sha256 for entry in entries)
