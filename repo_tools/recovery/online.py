"""The key of timestamp and snapshot changes in three publications, so that no poll fails.

A client reads root first and timestamp second, from caches that are not of the same minute. So timestamp and
snapshot are signed by both keys (one), then root names the new key (two), then the old key signs no more
(three, by ``refresh``). Between two of them every cache must have forgotten the timestamp before.
After a theft there is one publication: the old key must not sign again.
"""

from datetime import datetime, timedelta

from securesystemslib.signer import Signer

from metadata.errors import CheckFailedError, SignaturesMissingError
from repo_tools.desk import Desk
from repo_tools.publishing.clocks import issued
from repo_tools.recovery import honest
from repo_tools.roles import ONLINE
from repo_tools.signed.views import Delegation, View
from repo_tools.signing import Pen, at_hand, who
from repo_tools.store.headers import BRIEF_S

SPACING = timedelta(seconds=2 * BRIEF_S)
"""Between two of the three: one cache may have filled itself from another that was about to forget."""
THREE = "the online key changes in three publications: publish, publish after two minutes, and then refresh"


def cosigning(desk: Desk) -> bool:
    """Return whether the next publication is the first of three: both keys sign, and root stays as it is."""
    after, before = desk.tree.view("root"), desk.tree.live_view("root")
    if before is None or desk.live.timestamp is None or _stolen(after, before):
        return False
    have = {"snapshot": desk.live.snapshot_keyids, "timestamp": desk.live.timestamp_keyids}
    return any(not _met(after.delegations[role], have[role]) for role in ONLINE)


def due_at(desk: Desk) -> datetime | None:
    """Return when the next of three publications is due, or None when an old key signs on or none leaves."""
    after, before = desk.tree.view("root"), desk.tree.live_view("root")
    last = issued(desk.live)
    if before is None or last is None or _stolen(after, before) or cosigning(desk):
        return None
    staying = {key.keyid for root in (after, _coming(desk)) for key in root.delegations["timestamp"].keys}
    return last + SPACING if desk.live.timestamp_keyids - staying else None


def online_signers(desk: Desk) -> dict[str, list[Signer]]:
    """Return the signers of snapshot and timestamp: of the root that is live, and of the one that is staged.

    The keys of a root that stays at home while this goes out sign where they are at hand.

    Raises:
        SignaturesMissingError: Not enough online keys are at hand.
        CheckFailedError: A recovery is half prepared.
    """
    after, before = desk.tree.view("root"), desk.tree.live_view("root")
    if honest.read(desk.workspace) is not None and (before is None or not _stolen(after, before)):
        hint = (
            "prepare it again, whole: tidegate key revoke ONLINE-KEY --compromised --good timestamp=VERSION"
        )
        raise CheckFailedError("this would go back to an older timestamp that clients refuse", hint)
    roots = [after] if before is None or _stolen(after, before) else [before, after]
    coming = _coming(desk)
    pen, made = Pen(desk), {}
    for role in ONLINE:
        names = {name: None for root in roots for name in _chosen(desk, root.delegations[role])}
        if before is not None and not _stolen(coming, before):
            names |= dict.fromkeys(_at_hand(desk, coming.delegations[role]))
        made[role] = [pen.signer(desk.keys.get(name)) for name in names]
    return made


def _coming(desk: Desk) -> View:
    """Return the root that is staged, also where it stays at home."""
    return desk.tree.view("root") if desk.only is None else desk.whole().tree.view("root")


def _at_hand(desk: Desk, delegation: Delegation) -> list[str]:
    ids = {info.keyid for info in delegation.keys}
    return [key.name for key in at_hand(desk) if key.keyid in ids][: delegation.threshold]


def _chosen(desk: Desk, delegation: Delegation) -> list[str]:
    found = _at_hand(desk, delegation)
    if len(found) < delegation.threshold:
        first = "tidegate unstage --all, and " if "root" in desk.tree.staged() else ""
        hint = (
            f"publishing needs {who(delegation.keys)} in {desk.keys.folder}; or publish where it is; "
            f"if it is lost: {first}tidegate key revoke {delegation.keys[0].name} --compromised --new KEY"
        )
        raise SignaturesMissingError(f"no key at hand may sign the {delegation.role}", hint)
    return found


def _met(delegation: Delegation, have: frozenset[str]) -> bool:
    return len({key.keyid for key in delegation.keys} & have) >= delegation.threshold


def _stolen(after: View, before: View) -> bool:
    """Return whether the staged root calls a key stolen that may still sign for the live one."""
    return any(key.keyid in after.revoked for role in ONLINE for key in before.delegations[role].keys)
