"""Bring back what a role said in an older version."""

import contextlib
from collections.abc import Iterable
from typing import Any

from tuf.api.metadata import Metadata, Targets

from metadata.errors import TidegateError, UntrustedError
from repo_tools.roles import parent
from repo_tools.signed.reading import load, view
from repo_tools.signed.tree import Tree
from repo_tools.signed.trouble import translated
from repo_tools.signed.views import RETIRED_FIELD, SEQ_FIELD, View
from repo_tools.words.releases import listed_releases


def restore(tree: Tree, role: str, version: int) -> None:
    """Stage what a published version of a role said, as its next version.

    Roles that it delegated to, and the newest one does not, are read again as it names their keys. Numbers
    and digests that were given since stay given: hosts may have seen what is no longer listed.

    Raises:
        UntrustedError: That version is missing, or its keys did not sign it.
    """
    old = past(tree, role, version)
    was, live = view(role, old.signed), tree.live_view(role)
    with tree.changing(role, renew=True) as signed:
        signed.targets = old.signed.targets
        signed.delegations = old.signed.delegations
        signed.unrecognized_fields = {**old.signed.unrecognized_fields, **(_given(was, live) if live else {})}
    for below in was.delegations:
        tree.live.targets(below, old.signed)


def past(tree: Tree, role: str, version: int) -> Metadata[Targets]:
    """Return a published version of a role, signed by those who sign it today.

    Raises:
        UntrustedError: It is missing, or they did not sign it.
    """
    data = tree.live.store.read(f"metadata/{version}.{role}.json")
    if data is None:
        hint = f"tidegate log --role {role} lists its versions"
        raise UntrustedError(f"there is no version {version} of {role} in {tree.live.store.location}", hint)
    old = load(data, Targets, f"{role} version {version}")
    with translated(f"{role} version {version}"):
        tree.live_metadata(parent(role)).signed.verify_delegate(role, old.signed_bytes, old.signatures)
    return old


def said_before(tree: Tree, role: str, versions: Iterable[int]) -> bool:
    """Return whether one of these versions of a role lists what the staged one does, and its keys signed it.

    Args:
        tree: Where the role is staged.
        role: Its name.
        versions: Those in the store; only what is older than the published one was public for certain.
    """
    entries = tree.view(role).entries
    for version in sorted((one for one in versions if one < tree.live.version(role)), reverse=True):
        with contextlib.suppress(TidegateError):  # what its keys did not sign proves nothing
            if view(role, past(tree, role, version).signed).entries == entries:
                return True
    return False


def _given(was: View, live: View) -> dict[str, Any]:
    """Return the highest number and the digests of releases that an older version and the newest one gave."""
    gone = listed_releases(live).items() - listed_releases(was).items()
    seq = max(was.highest_seq, live.highest_seq)
    retired = {**live.retired, **{version: entry.sha256 for version, entry in gone}, **was.retired}
    return {name: found for name, found in ((SEQ_FIELD, seq), (RETIRED_FIELD, retired)) if found}


def orphans(tree: Tree) -> list[str]:
    """Return published roles that are not staged and that clients cannot read under the staged delegators."""
    staged = set(tree.staged())
    roles = [role for role in tree.live.meta if role not in staged and parent(role) in staged]
    return [role for role in roles if _searched(tree, role) and not _readable(tree, role)]


def _searched(tree: Tree, role: str) -> bool:
    """Return whether clients look for a role before and after; one that was removed stays in the snapshot."""
    before, after = tree.live_view(parent(role)), tree.view(parent(role))
    return before is not None and role in before.delegations and role in after.delegations


def _readable(tree: Tree, role: str) -> bool:
    found = tree.live_metadata(role)
    delegator = tree.metadata(parent(role)).signed
    result = delegator.get_verification_result(role, found.signed_bytes, found.signatures)
    return bool(result.verified)
