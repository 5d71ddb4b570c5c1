"""What is left of ``staged/`` once something is public, or was taken back."""

from collections.abc import Collection

from repo_tools import files
from repo_tools.desk import Desk
from repo_tools.publishing import evidence
from repo_tools.publishing.alone import refuse_orphaned, unreadable
from repo_tools.recovery import honest
from repo_tools.signed.restoring import orphans
from repo_tools.signed.signing import is_public, staged_bytes


def settle(desk: Desk) -> list[str]:
    """Forget staged roles that are live, whoever published them, and keep the root that is.

    A publisher that was killed at the end leaves such roles, and so does everybody's copy of what somebody
    else published.

    Returns:
        Their names.
    """
    done = [role for role in desk.tree.staged() if is_public(desk.tree, role)]
    for role in done:
        desk.tree.drop(role)
    if desk.live.version("root") and desk.live.root_bytes != desk.workspace.root_bytes():
        files.write(desk.workspace.root_file, desk.live.root_bytes)
    if not desk.tree.staged():
        honest.forget(desk.workspace)
    if done or not desk.tree.staged():
        _tidy(desk)
    return done


def clear(desk: Desk, roles: Collection[str]) -> None:
    """Forget staged roles that are public now, and keep the newest root."""
    if "root" in roles:
        files.write(desk.workspace.root_file, staged_bytes(desk.tree, "root"))
        honest.forget(desk.workspace)
    for role in roles:
        desk.tree.drop(role)
    _tidy(desk)


def take_back(desk: Desk, roles: Collection[str]) -> None:
    """Forget staged roles, their signatures and the files that no other one lists.

    Args:
        desk: The workspace.
        roles: What to forget; what cannot be read, after a merge that went wrong, is forgotten unasked.

    Raises:
        UnsuitableError: What stays staged needs one of them.
    """
    if not unreadable(desk, roles):
        refuse_orphaned(desk, roles)
    for role in roles:
        desk.tree.drop(role)
    if not desk.tree.staged():
        honest.forget(desk.workspace)
    _tidy(desk)


def carry_on(desk: Desk, roles: Collection[str]) -> list[str]:
    """Prepare roles again that went out alone, where what is still staged gives them other keys.

    Args:
        desk: Read anew, after they became public.
        roles: What went out.

    Returns:
        The roles that must be signed by their new keys.
    """
    again = [role for role in orphans(desk.tree) if role in roles]
    for role in again:
        with desk.tree.edit(role, renew=True):
            pass
    return again


def _tidy(desk: Desk) -> None:
    """Remove files that no staged role lists."""
    evidence.tidy(desk)
    tree = desk.whole().tree
    folder = desk.workspace.staged_targets
    kept = {folder / entry.stored_as for role in tree.staged() for entry in tree.view(role).entries.values()}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            path.unlink()
