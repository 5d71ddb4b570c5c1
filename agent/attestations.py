"""Statements by others about an artifact that this host demands beside TUF's signatures.

``gpg``: a detached signature on the artifact as it is published, by a key of the keyring that the operator
gave. ``gpgv`` knows no other keys, asks nobody, and calls none expired: the keyring says who is believed.
"""

from pathlib import Path

from agent import commands
from agent.repository import OWNER_HINT
from agent.states import Update
from agent.work import Work
from metadata.errors import UnsuitableError, UntrustedError
from metadata.strict import MAX_BYTES

GPGV_S = 600


def demand(work: Work, update: Update, packed: Path) -> None:
    """Refuse an artifact that lacks a statement which the settings demand.

    Raises:
        UntrustedError: It is missing, or not by somebody in the keyring.
        UnsuitableError: It cannot be verified on this host.
    """
    for kind in work.product.attestations:
        signature = packed.with_name(f"{packed.name}.{kind}")
        signature.write_bytes(_statement(work, update, kind))
        try:
            _verify(Path(work.product.gpg_keyring), signature, packed)
        finally:
            signature.unlink(missing_ok=True)


def _statement(work: Work, update: Update, kind: str) -> bytes:
    path = next((one.path for one in update.artifact.attestations if one.type == kind), None)
    target = work.read().find(path) if path else None
    if target is None or target.role != f"{work.name}.releases" or target.length > MAX_BYTES:
        text = f"{update.version} has no {kind} attestation for {update.platform}, which this host demands"
        raise UntrustedError(text, OWNER_HINT)
    return work.read().read(target)


def believed(keyring: Path) -> str:
    """Return that there are keys to verify with.

    Raises:
        UnsuitableError: There are none.
    """
    if not keyring.is_file():
        raise UnsuitableError(f"there is no keyring {keyring}", "gpg --export KEYID > FILE makes one")
    return f"{keyring} is there"


def _verify(keyring: Path, signature: Path, packed: Path) -> None:
    believed(keyring)
    line = ["gpgv", "--weak-digest", "SHA1", "--keyring", str(keyring), "--", str(signature), str(packed)]
    ran = commands.run(line, packed.parent, GPGV_S)
    if ran.status is None:
        raise UnsuitableError(f"gpgv {ran.text()}", "install gpgv, or demand no gpg attestation")
    if not ran.ok:
        text = f"{packed.name} is signed by nobody in {keyring.name}: gpgv {ran.text()}"
        raise UntrustedError(text, "ask who released it; what runs is left alone")
