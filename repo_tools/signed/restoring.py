"""Bring back what a role said in an older version."""

from tuf.api.metadata import Targets

from metadata.errors import UntrustedError
from repo_tools.roles import parent
from repo_tools.signed.reading import load, view
from repo_tools.signed.tree import Tree
from repo_tools.signed.trouble import translated


def restore(tree: Tree, role: str, version: int) -> None:
    """Stage what a published version of a role said, as its next version.

    Roles that it delegated to, and the newest one does not, are read again as it names their keys.

    Raises:
        UntrustedError: That version is missing, or its keys did not sign it.
    """
    data = tree.live.store.read(f"metadata/{version}.{role}.json")
    if data is None:
        raise UntrustedError(f"there is no version {version} of {role} in {tree.live.store.location}")
    old = load(data, Targets, f"{role} version {version}")
    with translated(f"{role} version {version}"):
        tree.live_metadata(parent(role)).signed.verify_delegate(role, old.signed_bytes, old.signatures)
    with tree.changing(role, renew=True) as signed:
        signed.targets = old.signed.targets
        signed.delegations = old.signed.delegations
        signed.unrecognized_fields = old.signed.unrecognized_fields
    for below in view(role, old.signed).delegations:
        tree.live.targets(below, old.signed)


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
