"""Recover from a stolen key: one plan for everything that it could sign, staged as a whole.

What a thief signed cannot be unsigned: clients remember the highest versions that they saw. So every role
that the key could sign goes on *above* the thief's version, signed without the key, and who delegates to it
says that the key was stolen. Versions may start again below only where the keys of timestamp and snapshot
change, because clients forget then: that is what ``honest`` is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from metadata.errors import UnsuitableError, UsageError
from repo_tools.desk import Desk
from repo_tools.fleet import enrolment
from repo_tools.keys.folder import KeyFile
from repo_tools.recovery import honest
from repo_tools.recovery.rotation import check_new, delegations, find, sign_anew
from repo_tools.roles import FLEET, MAX_JUMP, ONLINE
from repo_tools.signed.rekeying import call_stolen, delegators, replace_key
from repo_tools.signed.restoring import past, restore
from repo_tools.signed.views import KeyInfo

LARGEST = 2**53 - 2
"""A version above it cannot be read by every client (RFC 8259, section 6)."""


@dataclass(frozen=True)
class Loss:
    """What was lost, and what is known about it."""

    key: str
    """Name or key id."""
    new: KeyFile | None = None
    """What signs in its place; None where enough keys are left."""
    good: Mapping[str, int] | None = None
    """The last versions that the thief did not sign, by role, where that is not the newest one."""
    stolen: bool = True


@dataclass(frozen=True)
class Step:
    """What becomes of one role."""

    role: str
    delegator: str
    live: int
    """The version that is published."""
    next: int
    """The version that is prepared; the timestamp's and the snapshot's are given when they are published."""
    restored: int | None
    """The version whose content it has, when that is not the newest one."""


@dataclass(frozen=True)
class Recovery:
    """A whole plan, staged."""

    key: KeyInfo
    steps: list[Step]
    stolen: bool

    @property
    def online(self) -> bool:
        """Whether the key could sign timestamp and snapshot."""
        return any(step.role in ONLINE for step in self.steps)


def recover(desk: Desk, loss: Loss) -> Recovery:
    """Stage everything that ends what a key can do.

    Raises:
        UsageError: The key signs nothing here, or too few keys are left without a new one.
        UnsuitableError: The thief left no room for higher versions.
    """
    if key := enrolment.alone(desk, loss.key, delegations(desk)):
        return _end_tokens(desk, key, loss)
    good = dict(loss.good or {})
    if (timestamp := good.pop("timestamp", None)) is not None:
        desk.start_from(timestamp)
    key = find(desk, loss.key)
    roles = _all(delegators(desk.tree, key.keyid))
    _refuse_start(desk, key, timestamp)
    _refuse(desk, key, loss, roles)
    _refuse_good(desk, key, good, roles)
    if timestamp is not None:
        honest.write(desk.workspace, timestamp)
    for role, version in good.items():
        restore(desk.tree, role, version)
    by = delegators(desk.tree, key.keyid)
    roles = _all(by)  # a role that a thief left out is back, one that he added is gone
    for delegator, names in by.items():
        for role in names:
            replace_key(desk.tree, role, key.keyid, _new(desk, loss, role))
        if loss.stolen:
            call_stolen(desk.tree, delegator, key.keyid, key.name)
    if FLEET in delegations(desk):
        enrolment.replace_key(desk, key.keyid, loss.new)
    sign_anew(desk, roles)
    return Recovery(key, [_step(desk, role, by, good) for role in roles], loss.stolen)


def _end_tokens(desk: Desk, key: KeyInfo, loss: Loss) -> Recovery:
    """Stage the end of a key that signs registration tokens and nothing else."""
    if loss.good:
        raise UsageError(f"{key.name} signs no role", "leave --good out")
    enrolment.replace_key(desk, key.keyid, loss.new)
    if loss.stolen:
        call_stolen(desk.tree, FLEET, key.keyid, key.name)
    return Recovery(key, [_step(desk, FLEET, {"targets": [FLEET]}, {})], loss.stolen)


def _all(by: Mapping[str, list[str]]) -> list[str]:
    return [role for names in by.values() for role in names]


def _refuse_start(desk: Desk, key: KeyInfo, timestamp: int | None) -> None:
    if timestamp is None:
        _refuse_ahead(desk, key)
        return
    if "root" not in delegators(desk.tree, key.keyid) or not _signs_online(desk, key):
        hint = "revoke the online key with it: clients forget versions only when that changes"
        raise UsageError(f"{key.name} does not sign the timestamp", hint)
    if desk.live.timestamp is None or desk.live.timestamp.version != timestamp:
        hint = "name one that the key of today signed: tidegate log --role timestamp"
        raise UnsuitableError(f"timestamp {timestamp} is not signed by {key.name}", hint)


def _refuse_ahead(desk: Desk, key: KeyInfo) -> None:
    """Refuse to go on from a thief's timestamp that follows no other: nobody could go below it later."""
    version = desk.live.timestamp.version if desk.live.timestamp and _signs_online(desk, key) else 0
    before = range(version - 1, max(0, version - 1 - MAX_JUMP), -1)
    if before and not any(desk.store.has(f"metadata/{one}.timestamp.json") for one in before):
        text = f"timestamp {version} has run ahead of all others"
        hint = "add --good timestamp=VERSION, the last honest one: tidegate log --role timestamp lists them"
        raise UnsuitableError(text, hint)


def _refuse_good(desk: Desk, key: KeyInfo, good: Mapping[str, int], roles: list[str]) -> None:
    for role, version in good.items():
        if role not in roles or role in {"root", *ONLINE}:
            raise UsageError(f"{key.name} does not sign {role}", f"--good is for: {', '.join(roles)}")
        past(desk.tree, role, version)


def _signs_online(desk: Desk, key: KeyInfo) -> bool:
    found = desk.tree.view("root").delegations
    return all(any(one.keyid == key.keyid for one in found[role].keys) for role in ONLINE)


def _refuse(desk: Desk, key: KeyInfo, loss: Loss, roles: list[str]) -> None:
    found = delegations(desk)
    for role in roles:
        left = len(found[role].keys) - 1
        if loss.new is None and left < found[role].threshold:
            hint = "say what signs in its place: --new KEY"
            raise UsageError(
                f"without {key.name}, {role} has {left} keys and needs {found[role].threshold}", hint
            )
        if desk.live.version(role) > LARGEST:
            hint = "revoke the online key first, with --good timestamp=VERSION: clients forget versions then"
            raise UnsuitableError(
                f"{role} has version {desk.live.version(role)}: nothing can follow it", hint
            )
    if loss.new is not None:
        check_new(desk, {role: loss.new for role in roles if _new(desk, loss, role)}, key)


def _new(desk: Desk, loss: Loss, role: str) -> KeyFile | None:
    """Return what signs a role in the lost key's place; nothing where it signs already."""
    if loss.new is None or any(key.keyid == loss.new.keyid for key in delegations(desk)[role].keys):
        return None
    return loss.new


def _step(desk: Desk, role: str, by: Mapping[str, list[str]], good: Mapping[str, int]) -> Step:
    delegator = next(name for name, names in by.items() if role in names)
    staged = desk.tree.find(role) if role not in ONLINE else None
    live = desk.live.timestamp if role == "timestamp" else desk.live.snapshot
    version = (live.version if live else 0) if role in ONLINE else desk.live.version(role)
    return Step(role, delegator, version, staged.version if staged else version + 1, good.get(role))
