"""Half a recovery is worse than none: it breaks clients, or leaves the thief a door."""

from collections.abc import Iterator

from repo_tools.checks.facts import Facts, Finding

_HINT = "prepare it again, whole: tidegate key revoke or key rotate"


def stolen_keys(facts: Facts) -> Iterator[Finding]:
    """A key that was called stolen may still sign something, or is forgiven."""
    stolen = facts.stolen
    for found in facts.delegations():
        for key in found.keys:
            if key.keyid in stolen:
                text = f"{stolen[key.keyid]} was called stolen and may still sign {found.role}"
                yield Finding("error", "stolen_keys", found.role, text, _HINT)
    for role, before in facts.before.items():
        after = facts.after.get(role)
        for keyid in before.revoked.keys() - (after.revoked.keys() if after else set()):
            text = f"{role} no longer says that {before.revoked[keyid]} was stolen"
            yield Finding("error", "stolen_keys", role, text, "what was stolen stays stolen")


def orphans(facts: Facts) -> Iterator[Finding]:
    """A published role whose keys change and that nobody signed anew: no client could read it."""
    for role in facts.orphans:
        text = f"{role} is not signed by enough of its new keys, and nobody prepared it anew"
        yield Finding("error", "orphans", role, text, _HINT)
