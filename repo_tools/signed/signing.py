"""Signatures on staged roles: who has signed, who still must, and adding one."""

from collections.abc import Sequence
from hashlib import sha256

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Metadata, Root

from metadata.errors import UnsuitableError, UntrustedError
from repo_tools.roles import parent
from repo_tools.signed.canonical import payload
from repo_tools.signed.reading import key_info
from repo_tools.signed.tree import Tree
from repo_tools.signed.trouble import signing, translated
from repo_tools.signed.views import Signing


def signings(tree: Tree, role: str) -> list[Signing]:
    """Return how far the signing of a staged role is.

    Root needs its own keys and those of the root before it; it has one item for each. A role that nobody
    delegates to has none: no signature on it would count.
    """
    staged = tree.staged_metadata(role)
    if staged is None:
        return []
    if role not in tree.signings:
        found = [_signing(role, staged, delegator) for delegator in _delegators(tree, role, staged)]
        tree.signings[role] = found
    return tree.signings[role]


def complete(tree: Tree, role: str) -> bool:
    """Return whether a staged role has all the signatures it needs."""
    return all(found.missing == 0 for found in signings(tree, role))


def staged_bytes(tree: Tree, role: str) -> bytes:
    """Return a staged role as it will be published: with every signature that counts, and no other."""
    staged = tree.staged_metadata(role)
    if staged is None:
        raise UnsuitableError(f"{role} is not staged")
    good = sorted({key.keyid for found in signings(tree, role) for key in found.signed})
    return Metadata(staged.signed, {keyid: staged.signatures[keyid] for keyid in good}).to_bytes()


def digest(tree: Tree) -> str:
    """Return one digest of what all staged roles say, whoever has signed them."""
    said = {role: tree.staged_metadata(role) for role in tree.staged()}
    lines = [f"{role} {sha256(payload(one)).hexdigest()}\n" for role, one in said.items() if one]
    return sha256("".join(lines).encode()).hexdigest()


def is_public(tree: Tree, role: str) -> bool:
    """Return whether what a staged role says is what is published, whoever signed it."""
    staged = tree.staged_metadata(role)
    live = tree.live_metadata(role) if tree.live_view(role) else None
    return staged is not None and live is not None and staged.signed == live.signed


def stale(tree: Tree, role: str) -> list[str]:
    """Return the key ids of signatures on a staged role that do not count.

    What was changed after it was signed makes its signatures stale; so does a key that may not sign, by what
    is staged or by what is live: the role may yet go out alone.
    """
    staged = tree.staged_metadata(role)
    if staged is None:
        return []
    counted = [*signings(tree, role), *_signings_alone(tree, role, staged)]
    good = {key.keyid for found in counted for key in found.signed}
    return sorted(staged.signatures.keys() - good)


def drop_stale(tree: Tree) -> dict[str, list[str]]:
    """Forget signatures that do not count; return whose they were, by role."""
    dropped = {}
    for role in tree.staged():
        staged, ids = tree.staged_metadata(role), stale(tree, role)
        if staged is None or not ids:
            continue
        names = {key.keyid: key.name for found in signings(tree, role) for key in found.unsigned}
        for keyid in ids:
            del staged.signatures[keyid]
        tree.save(role, staged)
        dropped[role] = sorted(names.get(keyid, keyid[:12]) for keyid in ids)
    return dropped


def sign(tree: Tree, role: str, signer: Signer) -> None:
    """Add a signature to a staged role.

    Raises:
        UntrustedError: The signature does not verify with its own public key.
    """
    staged = tree.staged_metadata(role)
    if staged is None:
        return
    with translated(f"staged {role}"), signing(role, key_info(signer.public_key).name):
        signature = staged.sign(signer, append=True)
        try:
            signer.public_key.verify_signature(signature, staged.signed_bytes)
        except Exception as error:
            raise UntrustedError(
                f"the signature on {role} does not verify with its own key: {error}"
            ) from error
    tree.save(role, staged)


def _signings_alone(tree: Tree, role: str, staged: Metadata[Root]) -> list[Signing]:
    """Return how far signing would be if the staged role that delegates to this one stayed at home."""
    above = parent(role)
    live = tree.live_view(above) if role != "root" and tree.staged_metadata(above) else None
    return [_signing(role, staged, tree.live_metadata(above))] if live and role in live.delegations else []


def _delegators(tree: Tree, role: str, staged: Metadata[Root]) -> Sequence[Metadata[Root]]:
    if role != "root":
        above = parent(role)
        return [tree.metadata(above)] if role in tree.view(above).delegations else []
    before = [tree.live.root] if tree.live.version("root") else []
    return [*before, staged]


def _signing(role: str, staged: Metadata[Root], delegator: Metadata[Root]) -> Signing:
    result = delegator.signed.get_verification_result(role, payload(staged), staged.signatures)
    return Signing(
        role,
        staged.signed.version,
        result.threshold,
        tuple(key_info(key) for key in _sorted(result.signed)),
        tuple(key_info(key) for key in _sorted(result.unsigned)),
        delegator.signed.version if role == "root" else 0,
    )


def _sorted(keys: dict[str, Key]) -> list[Key]:
    return sorted(keys.values(), key=lambda key: key_info(key).name)
