"""Make keys, stage and sign the first version of every role, and make the folder a workspace."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from metadata.documents import Enrollment, Policy, WaveShare
from metadata.errors import ConflictError
from metadata.strict import encode
from repo_tools import files
from repo_tools.desk import Desk
from repo_tools.fleet import enrolment
from repo_tools.founding.plan import Plan, check_keys, key_names, trusts
from repo_tools.keys.folder import KeyFile
from repo_tools.roles import POLICY
from repo_tools.rollouts.moving import new_salt
from repo_tools.signed.founding import found
from repo_tools.signed.live import Live
from repo_tools.signed.signing import staged_bytes
from repo_tools.signed.tree import Tree
from repo_tools.signed.views import Signing
from repo_tools.signing import Signed, at_hand, missing, sign_staged
from repo_tools.store import TIMESTAMP
from repo_tools.workspace import refuse_existing

_NEW_KEYS = "the new keys"


@dataclass(frozen=True)
class Founded:
    """What was made."""

    keys: Mapping[str, Sequence[KeyFile]]
    """By the group of roles they serve."""
    signed: Sequence[Signed]
    missing: Sequence[Signing]
    """What others must still sign."""


def found_repository(desk: Desk, plan: Plan, *, encrypted: bool, reuse: bool) -> Founded:
    """Found a repository in the desk's workspace, which must not exist yet.

    Args:
        desk: Where to work; its workspace has a folder and a store, and is not on disk yet.
        plan: What to found.
        encrypted: Protect new private keys with a passphrase.
        reuse: Take keys of the usual names that exist already.

    Raises:
        UsageError: There is a workspace, or keys of the usual names.
        ConflictError: Something is published in the store.
    """
    files.refuse_unusable(desk.workspace.folder, "workspace")
    refuse_existing(desk.workspace.folder)
    if desk.store.has(TIMESTAMP):
        hint = "choose an empty store, or work in the workspace it was published from"
        raise ConflictError(f"a repository is published in {desk.store.location} already", hint)
    with _undone_on_failure(desk) as new:
        keys = _keys(desk, plan, new, encrypted=encrypted, reuse=reuse)
        _stage(desk, plan, keys)
        founded = Founded(keys, sign_staged(desk, at_hand(desk)), missing(desk))
        files.write(desk.workspace.root_file, staged_bytes(desk.tree, "root"))
        desk.workspace.write_settings(plan.channel.product)
    return founded


@contextmanager
def _undone_on_failure(desk: Desk) -> Iterator[list[str]]:
    """Give a list for the names of keys that are made; when founding fails, they are removed again."""
    made: list[str] = []
    staged = desk.workspace.staged_metadata.parent
    was_there = staged.exists()
    try:
        yield made
    except BaseException:
        for name in made:
            desk.keys.remove(name)
        if not was_there:
            shutil.rmtree(staged, ignore_errors=True)
        raise


def _keys(
    desk: Desk, plan: Plan, made_now: list[str], *, encrypted: bool, reuse: bool
) -> dict[str, list[KeyFile]]:
    usual = key_names(plan.solo)
    groups = {group: names for group, names in usual.items() if group not in plan.given}
    wanted = [name for names in groups.values() for name in names]
    existing = set(desk.keys.names()) & set(wanted) if reuse else set()
    check_keys(plan, {name: desk.keys.get(name) for name in existing})
    new = [name for name in wanted if name not in existing]
    desk.keys.check_free(new)
    phrase = desk.passphrases.choose(_NEW_KEYS) if encrypted and new else None
    for name in new:
        desk.keys.new(name, "ed25519", phrase)
        made_now.append(name)
        if phrase is not None:
            desk.passphrases.remember(name, phrase)
    made = {group: [desk.keys.get(name) for name in names] for group, names in groups.items()}
    return {group: made.get(group) or list(plan.given[group]) for group in usual}


def _stage(desk: Desk, plan: Plan, keys: Mapping[str, Sequence[KeyFile]]) -> None:
    made = found(trusts(plan, keys), desk.now)
    desk.live = Live(desk.store, made["root"].to_bytes())
    desk.tree = Tree(desk.live, desk.workspace.staged_metadata, desk.now)
    for role, metadata in made.items():
        desk.tree.save(role, metadata)
    channel = plan.channel
    policy = Policy(
        product=channel.product,
        channel=channel.name,
        salt=new_salt(),
        poll_s=plan.poll_s,
        waves=[WaveShare(name=wave.name, percent=wave.percent) for wave in plan.waves],
    )
    with desk.tree.edit(channel.role) as draft:
        draft.put(desk.contents.stage(channel.path(POLICY), encode(policy)))
    enrolment.stage(desk, enrolment.allow(Enrollment(), keys["rollouts"]))
