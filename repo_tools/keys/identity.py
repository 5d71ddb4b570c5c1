"""Which key it is, however it is written down: two ids, or two spellings, of one key are one key."""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


def identity(keyval: Mapping[str, Any]) -> str:
    """Return what makes a public key the same one, whatever its id, its name and its scheme are."""
    public = keyval.get("public")
    if isinstance(public, str):
        return _spelled(public)
    return msgspec.json.encode(dict(keyval), order="sorted").decode()


@lru_cache
def _spelled(public: str) -> str:
    with suppress(ValueError):
        return bytes.fromhex(public).hex()  # Ed25519, in either case of letters
    with suppress(ValueError, UnsupportedAlgorithm):
        key = load_pem_public_key(public.encode())  # PEM may be wrapped and spaced in many ways
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
    return public
