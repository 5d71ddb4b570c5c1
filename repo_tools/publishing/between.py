"""Who published what while somebody else prepared something: what a conflict has to say."""

from collections.abc import Mapping

from metadata.errors import ConflictError
from repo_tools.desk import Desk
from repo_tools.output import moment
from repo_tools.roles import parent
from repo_tools.signed.live import Live
from repo_tools.signed.reading import view
from repo_tools.signed.signing import digest
from repo_tools.signed.views import ISSUED_FIELD

REBASE = "tidegate publish --rebase prepares it again on what is live; then sign, and publish"
AGAIN = "run tidegate publish again: nothing that you staged was touched"
LEFT = "if nobody else is at work, a killed publisher left that name: tidegate publish --rebase skips it"


def since(live: Live, versions: Mapping[str, int]) -> list[str]:
    """Return a sentence for each role that is published in a later version than the known one.

    Args:
        live: What is published now.
        versions: What was known, by role.
    """
    later = [role for role, version in versions.items() if live.version(role) > version]
    at = live.timestamp.unrecognized_fields.get(ISSUED_FIELD) if live.timestamp else None
    return [
        f"{role} {live.version(role)}, signed by {_signers(live, role)}, public at {at}" for role in later
    ]


def refuse_overtaken(desk: Desk) -> None:
    """Refuse to go on with staged roles that were overtaken.

    Raises:
        ConflictError: Somebody else published first.
    """
    behind = [role for role in desk.tree.staged() if desk.tree.overtaken(role)]
    if behind:
        told = "; ".join(since(desk.live, {role: desk.live.version(role) - 1 for role in behind}))
        raise ConflictError(f"somebody published first: {told}", REBASE)


def refuse_unread(desk: Desk, read: str) -> None:
    """Refuse to go on with what was staged after somebody read what is.

    Args:
        desk: With all that is staged.
        read: The digest of what they read.

    Raises:
        ConflictError: Somebody else prepared something, or took it back.
    """
    if digest(desk.tree) != read:
        hint = "read it again first: tidegate status"
        raise ConflictError("what is staged is no longer what was read", hint)


def explained(desk: Desk, error: ConflictError) -> ConflictError:
    """Return a conflict that says who published what meanwhile, and what to do about it."""
    live = Live(desk.store, desk.live.root_bytes)
    if live.timestamp_bytes == desk.live.timestamp_bytes:
        return ConflictError(error.message, LEFT)
    roles = {role: desk.live.version(role) for role in ("root", *live.meta)}
    told = since(live, roles)
    what = "; ".join(told) or f"a new timestamp, issued {moment(desk.now)} or later"
    mine = {role: desk.tree.view(role).version for role in desk.tree.staged()}
    overtaken = any(
        live.version(role) >= version or live.version(role) > desk.live.version(role)
        for role, version in mine.items()
    )
    return ConflictError(f"somebody published first: {what}", REBASE if overtaken else AGAIN)


def _signers(live: Live, role: str) -> str:
    found = live.root if role == "root" else live.targets(role)
    above = live.root if role == "root" or parent(role) == "root" else live.targets(parent(role))
    if found is None or above is None:
        return "nobody"
    delegation = view(parent(role), above.signed).delegations[role]
    names = [info.name for info in delegation.keys if info.keyid in found.signatures]
    return ", ".join(names) or "nobody"
