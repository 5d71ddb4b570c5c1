"""What changes in who may sign what, in words. Pure."""

from collections.abc import Iterator

from repo_tools.signed.views import Delegation, KeyInfo, View


def trust_changes(new: View, old: View) -> list[str]:
    """Return a phrase for each change in a role's delegations and in the keys that it calls stolen."""
    parts = [
        part
        for role, after in new.delegations.items()
        for part in (
            _changes(old.delegations[role], after) if role in old.delegations else [f"delegates {role}"]
        )
    ]
    parts += [f"delegates {role} no more" for role in old.delegations.keys() - new.delegations.keys()]
    if list(new.delegations) != list(old.delegations):
        parts.append("changes the order in which clients search")
    stolen = [name for keyid, name in new.revoked.items() if keyid not in old.revoked]
    return [*parts, *(f"calls {name} stolen" for name in stolen)]


def _changes(before: Delegation, after: Delegation) -> Iterator[str]:
    known = {key.keyid for key in before.keys}
    kept = {key.keyid for key in after.keys}
    for key in after.keys:
        if key.keyid not in known:
            yield f"lets {_known_as(key)} sign {after.role}"
    for key in before.keys:
        if key.keyid not in kept:
            yield f"lets {_known_as(key)} sign {after.role} no more"
    if before.threshold != after.threshold:
        yield f"{after.role} needs {after.threshold} signatures instead of {before.threshold}"
    more, fewer = set(after.paths) - set(before.paths), set(before.paths) - set(after.paths)
    if more or fewer:
        yield f"{after.role} gains {len(more)} routes and loses {len(fewer)}"
    if before.terminating != after.terminating:
        yield f"{after.role} {'ends' if after.terminating else 'no longer ends'} a client's search"
    if before.lifetime_s != after.lifetime_s:
        yield f"{after.role} may last {after.lifetime_s} s instead of {before.lifetime_s}"


def _known_as(key: KeyInfo) -> str:
    return f"{key.owner or key.name} ({key.scheme} {key.keyid[:12]})"
