"""What one version of a role changed, in words. Pure."""

from metadata.documents import Brake, Policy
from repo_tools.publishing.words import sentence
from repo_tools.roles import BRAKE
from repo_tools.rollouts.state import order_in
from repo_tools.signed.difference import trust_changes
from repo_tools.signed.views import View


def change(new: View, old: View | None, share: str, documents: tuple[object, object]) -> str:
    """Return what a version changed.

    Args:
        new: The role as it is from now on.
        old: The role before; None for its first version.
        share: The part of the fleet that it reaches, for a wave.
        documents: The role's policy or brake, now and before; None where there is none.
    """
    parts = trust_changes(new, old) if old else ["founded"]
    parts += _document(*documents)
    if new.role.endswith(".releases") and old:
        parts += _releases(new, old)
    elif not parts:
        parts = [sentence(new, old, share)]
    return "; ".join(parts) or "renewed"


def concerned(new: View, old: View | None, documents: tuple[object, object]) -> frozenset[str]:
    """Return the versions of the product that a change is about."""
    changed = _changed(new, old)
    found = {version for path in changed if (version := _version_in(path))}
    found |= _mentioned(documents[0]) ^ _mentioned(documents[1])
    for path in changed:
        if path in new.entries and isinstance(new.entries[path].custom, dict):
            order = order_in(new.entries[path])
            found |= {order.version, *([order.base.version] if order.base else [])}
            break  # a wave says the same on all its routes
    return frozenset(found)


def _mentioned(document: object) -> set[str]:
    if isinstance(document, Policy):
        return {entry.version for entry in document.revoked}
    return (
        {entry.version for entry in document.hold if entry.version} if isinstance(document, Brake) else set()
    )


def _changed(new: View, old: View | None) -> list[str]:
    before = old.entries if old else {}
    return sorted(
        path for path in new.entries.keys() | before.keys() if new.entries.get(path) != before.get(path)
    )


def _version_in(path: str) -> str | None:
    parts = path.split("/")
    return parts[2] if len(parts) == 4 and parts[0] == "releases" else None


def _releases(new: View, old: View) -> list[str]:
    now = {version for path in new.entries if (version := _version_in(path))}
    was = {version for path in old.entries if (version := _version_in(path))}
    changed = {version for path in _changed(new, old) if (version := _version_in(path))} & now & was
    sets = (("adds", now - was), ("retires", was - now), ("changes", changed))
    return [f"{what} {', '.join(sorted(some))}" for what, some in sets if some]


def _document(now: object, was: object) -> list[str]:
    if isinstance(now, Policy) and isinstance(was, Policy):
        return _policy(now, was)
    if isinstance(now, Brake):
        return _brake(now, was if isinstance(was, Brake) else Brake())
    return []


def _policy(now: Policy, was: Policy) -> list[str]:
    parts = []
    if now.floor_seq != was.floor_seq:
        parts.append(f"floor {was.floor_seq} → {now.floor_seq}")
    known = {entry.version for entry in was.revoked}
    parts += [
        f"revokes {entry.version}: {entry.reason or 'no reason given'}"
        for entry in now.revoked
        if entry.version not in known
    ]
    if now.salt != was.salt:
        parts.append("new places for all hosts")
    if not parts and now != was:
        changed = [name for name in now.__struct_fields__ if getattr(now, name) != getattr(was, name)]
        parts.append(f"other {', '.join(changed)}")
    return parts


def _brake(now: Brake, was: Brake) -> list[str]:
    if now.hold == was.hold:
        return []
    if not now.hold:
        return ["lifted"]
    held = ", ".join(str(entry.rollout or entry.version) for entry in now.hold)
    by = f" by {now.by}" if now.by else ""
    return [f"holds {held}{by}: {now.reason or 'no reason given'}"]


def is_brake(role: str) -> bool:
    """Return whether a role is a brake."""
    return role.count(".") == 2 and role.endswith(f".{BRAKE}")
