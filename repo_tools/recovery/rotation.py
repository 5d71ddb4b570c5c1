"""Give a role another key, in peace: the old key was not stolen, its owner leaves or has a better one."""

from collections.abc import Collection, Mapping, Sequence

from metadata.errors import UsageError
from repo_tools.desk import Desk
from repo_tools.fleet import enrolment
from repo_tools.keys.folder import KeyFile
from repo_tools.keys.people import check_people
from repo_tools.roles import FLEET, ONLINE
from repo_tools.signed.rekeying import delegators, replace_key
from repo_tools.signed.views import Delegation, KeyInfo

EVERY = "all"


def delegations(desk: Desk) -> dict[str, Delegation]:
    """Return who may sign each role, as it will be."""
    roles = ["root", "targets", *desk.tree.view("targets").delegations]
    return {name: found for role in roles for name, found in desk.tree.view(role).delegations.items()}


def stolen(desk: Desk) -> dict[str, str]:
    """Return the names of all keys that were ever called stolen, by key id."""
    roles = ["root", "targets", *desk.tree.view("targets").delegations]
    return {keyid: name for role in roles for keyid, name in desk.tree.view(role).revoked.items()}


def find(desk: Desk, text: str) -> KeyInfo:
    """Return the key of this repository that a name or the start of a key id means.

    Raises:
        UsageError: None does, or more than one.
    """
    keys = {key.keyid: key for found in delegations(desk).values() for key in found.keys}
    found = _meant(keys.values(), text)
    if len(found) == 1:
        return found[0]
    live = [key for one in delegations(desk.published()).values() for key in one.keys]
    if not found and _meant(live, text):
        hint = "tidegate status says who must sign; tidegate unstage --all begins anew"
        raise UsageError(f"it is staged already that {text} signs nothing", hint)
    names = ", ".join(sorted(f"{key.name} ({key.keyid[:12]})" for key in found or keys.values()))
    raise UsageError(f"{'more than one' if found else 'no'} key {text!r} signs here", f"one of: {names}")


def _meant(keys: Collection[KeyInfo], text: str) -> list[KeyInfo]:
    """Return the keys that a name or the start of a key id may mean."""
    named = [key for key in keys if text == key.name]
    return named or [key for key in keys if len(text) >= 8 and key.keyid.startswith(text)]


def rotate(desk: Desk, role: str, old: KeyInfo, new: KeyFile) -> list[str]:
    """Let ``new`` sign a role in place of ``old``; stage who says so, and the role itself; return its roles.

    Raises:
        UsageError: The old key does not sign it, or the new one may not.
    """
    may = [name for names in delegators(desk.tree, old.keyid).values() for name in names]
    roles = may if role == EVERY else [role]
    if not roles or any(name not in may for name in roles):
        raise UsageError(f"{old.name} does not sign {role}", f"it signs: {', '.join(may) or 'nothing'}")
    check_new(desk, dict.fromkeys(roles, new), old)
    for name in roles:
        replace_key(desk.tree, name, old.keyid, new)
    if FLEET in roles:
        enrolment.replace_key(desk, old.keyid, new)
    sign_anew(desk, roles)
    return roles


def check_new(desk: Desk, given: Mapping[str, KeyFile], old: KeyInfo) -> None:
    """Refuse new keys that were stolen, that sign already, or that one person or both sides would have.

    Raises:
        UsageError: It says which and why.
    """
    found = delegations(desk)
    for role, new in given.items():
        if new.keyid in stolen(desk):
            raise UsageError(f"{new.name} was called stolen: it never signs again", "make another key")
        if any(key.keyid == new.keyid for key in found[role].keys):
            raise UsageError(f"{new.name} signs {role} already", "choose another key")
    kept = {
        role: [key for key in one.keys if key.keyid != old.keyid or role not in given]
        for role, one in found.items()
    }
    check_people({role: [*keys, *([given[role]] if role in given else [])] for role, keys in kept.items()})


def sign_anew(desk: Desk, roles: Sequence[str]) -> None:
    """Stage new versions of roles whose keys changed; root is staged by then, the online roles are sealed."""
    for role in roles:
        if role not in {"root", *ONLINE}:
            with desk.tree.edit(role, renew=True):
                pass
