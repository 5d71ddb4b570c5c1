"""Changes to who may sign: keys in delegations, keys that were stolen, limits of the online roles."""

from datetime import timedelta

from repo_tools.keys.folder import KeyFile
from repo_tools.roles import parent
from repo_tools.signed.tree import Tree
from repo_tools.signed.views import EXPIRY_FIELD, REVOKED_FIELD


def replace_key(tree: Tree, role: str, old: str, new: KeyFile | None) -> None:
    """Let a key sign a role no more, and another one in its stead; stage the role that delegates."""
    with tree.changing(parent(role)) as signed:
        if new is not None:
            signed.add_key(new.key(), role)
        signed.revoke_key(old, role)


def call_stolen(tree: Tree, delegator: str, keyid: str, name: str) -> None:
    """Keep in a role that delegates that a key was stolen, so that it never comes back."""
    with tree.changing(delegator) as signed:
        found = dict(signed.unrecognized_fields.get(REVOKED_FIELD, {}))
        signed.unrecognized_fields[REVOKED_FIELD] = {**found, keyid: name}


def limit(tree: Tree, role: str, span: timedelta) -> None:
    """Set how long signatures of an online role may last."""
    with tree.changing("root") as signed:
        signed.roles[role].unrecognized_fields[EXPIRY_FIELD] = int(span.total_seconds())


def delegators(tree: Tree, keyid: str) -> dict[str, list[str]]:
    """Return the roles that a key may sign, by the role that says so."""
    found: dict[str, list[str]] = {}
    names = ["root", "targets", *tree.view("targets").delegations]
    for name in names:
        for role, delegation in tree.view(name).delegations.items():
            if any(key.keyid == keyid for key in delegation.keys):
                found.setdefault(name, []).append(role)
    return found
