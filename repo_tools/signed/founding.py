"""The first version of every role: who may sign what, for which paths."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role, Root, Targets

from repo_tools.keys.folder import KeyFile
from repo_tools.roles import ONLINE, TOP_LEVEL, lifetime
from repo_tools.signed.reading import view
from repo_tools.signed.tree import Tree
from repo_tools.signed.views import EXPIRY_FIELD, SEQ_FIELD, View


@dataclass(frozen=True)
class Trust:
    """Whose signatures a role needs, and for which paths it speaks."""

    keys: Sequence[KeyFile]
    threshold: int
    paths: Sequence[str] = ()


def found(trusts: Mapping[str, Trust], now: datetime) -> dict[str, Metadata[Any]]:
    """Return every role's first version, unsigned, without any target file.

    Args:
        trusts: By role, in the order in which clients search.
        now: The present, UTC.
    """
    above = [role for role in trusts if role not in TOP_LEVEL and role.count(".") < 2]
    made: dict[str, Metadata[Any]] = {"root": _root(trusts, now)}
    made["targets"] = _targets("targets", above, trusts, now)
    return made | delegated(trusts, now)


def delegated(trusts: Mapping[str, Trust], now: datetime) -> dict[str, Metadata[Any]]:
    """Return the first version of every role that is not at the top, unsigned.

    Args:
        trusts: By role, in the order in which clients search.
        now: The present, UTC.
    """
    roles = [role for role in trusts if role not in TOP_LEVEL]
    made: dict[str, Metadata[Any]] = {}
    for role in roles:
        below = [name for name in roles if name.startswith(f"{role}.") and name.count(".") == 2]
        made[role] = _targets(role, below, trusts, now)
    return made


def delegate(tree: Tree, trusts: Mapping[str, Trust]) -> None:
    """Let ``targets`` delegate to more roles, and stage it."""
    with tree.changing("targets") as signed:
        _delegate(signed, trusts)


def delegating(tree: Tree, trusts: Mapping[str, Trust]) -> View:
    """Return ``targets`` as it would be with more roles, and stage nothing."""
    signed = copy.deepcopy(tree.metadata("targets").signed)
    _delegate(signed, trusts)
    return view("targets", signed)


def _delegate(signed: Targets, trusts: Mapping[str, Trust]) -> None:
    assert signed.delegations is not None  # it has had some since the repository was founded
    assert signed.delegations.roles is not None
    for name, trust in trusts.items():
        signed.delegations.roles[name] = _delegated(name, trust)
        for key in trust.keys:
            signed.add_key(key.key(), name)


def _root(trusts: Mapping[str, Trust], now: datetime) -> Metadata[Root]:
    root = Root(expires=_expiry("root", now))
    for role in TOP_LEVEL:
        limits = {EXPIRY_FIELD: int(lifetime(role).total_seconds())} if role in ONLINE else {}
        root.roles[role] = Role([], trusts[role].threshold, limits)
        for key in trusts[role].keys:
            root.add_key(key.key(), role)
    return Metadata(root)


def _targets(
    role: str, below: Sequence[str], trusts: Mapping[str, Trust], now: datetime
) -> Metadata[Targets]:
    targets = Targets(expires=_expiry(role, now))
    if role.endswith(".releases"):
        targets.unrecognized_fields[SEQ_FIELD] = 0
    if below:
        targets.delegations = Delegations({}, {name: _delegated(name, trusts[name]) for name in below})
        for name in below:
            for key in trusts[name].keys:
                targets.add_key(key.key(), name)
    return Metadata(targets)


def _delegated(name: str, trust: Trust) -> DelegatedRole:
    return DelegatedRole(name, [], trust.threshold, terminating=True, paths=list(trust.paths))


def _expiry(role: str, now: datetime) -> datetime:
    return (now + lifetime(role)).replace(microsecond=0)
