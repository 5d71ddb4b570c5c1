"""Signatures on staged roles: one file for each role and key, so that people sign without meeting.

Two people who sign the same staged role write two files; git and copying merge them without a conflict. A
signature says nothing by lying here: it counts once it verifies over the role as it lies beside it now.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from securesystemslib.signer import Signature

from metadata.errors import MalformedError
from repo_tools import files

_KEY_ID = re.compile(r"[0-9a-f]{64}")
_HINT = "take it again from whoever signed, or remove it and sign anew"


def read(folder: Path) -> dict[str, Signature]:
    """Return the signatures in a role's folder, by key id.

    Raises:
        MalformedError: A file is no signature.
    """
    found = [_one(path) for path in sorted(folder.glob("*.json"))]
    return {one.keyid: one for one in found}


def write(folder: Path, signatures: Mapping[str, Signature]) -> None:
    """Make a role's folder hold exactly these signatures; files that say the same are left alone."""
    before = {path.stem for path in folder.glob("*.json")}
    remove(folder, before - signatures.keys())
    for keyid, signature in signatures.items():
        if not _KEY_ID.fullmatch(keyid):
            raise MalformedError(f"not a key id: {keyid!r}")
        path = folder / f"{keyid}.json"
        data = (json.dumps(signature.to_dict(), indent=1) + "\n").encode()
        if not path.is_file() or path.read_bytes() != data:
            files.write(path, data)


def remove(folder: Path, keyids: Iterable[str]) -> None:
    """Forget some signatures, and the folder once it is empty."""
    for keyid in keyids:
        (folder / f"{keyid}.json").unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _one(path: Path) -> Signature:
    try:
        found = Signature.from_dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"{path} is no signature: {error!r}", _HINT) from error
    if found.keyid != path.stem or not _KEY_ID.fullmatch(found.keyid):
        raise MalformedError(f"{path} holds a signature by another key", _HINT)
    return found
