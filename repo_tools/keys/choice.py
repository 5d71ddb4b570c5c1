"""Which keys a person means: a name in the key folder, or the URI of a private part."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import SSlibKey

from metadata.errors import MalformedError, UsageError
from repo_tools.keys import files
from repo_tools.keys.folder import KeyFile, KeyFolder
from repo_tools.keys.passphrase import Passphrases


def chosen(folder: KeyFolder, texts: Sequence[str], passphrases: Passphrases) -> list[KeyFile]:
    """Return the keys that ``texts`` name; all that are at hand when there are none.

    Raises:
        UsageError: There is no such key.
    """
    if not texts:
        return [key for key in folder.all() if folder.at_hand(key)]
    return [_one(folder, text, passphrases) for text in texts]


def public_key(folder: KeyFolder, text: str) -> KeyFile:
    """Return the public part that a name in the key folder or a file that travelled describes.

    Raises:
        UsageError: There is no such key.
        MalformedError: The file holds none, or not what its key id says.
    """
    path = Path(text)
    if text in folder.names() and not path.is_file():
        return folder.get(text)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=KeyFile)
    except OSError as error:
        hint = "name one of tidegate key list, or a file that tidegate key export made"
        raise UsageError(f"no key {text!r} in {folder.folder}, and no such file", hint) from error
    except (ValueError, RecursionError) as error:
        raise MalformedError(
            f"{text} is no public key file: {error}", "tidegate key export makes one"
        ) from error
    if found.key().keyid != _digest_of(found):
        raise MalformedError(f"{text}: the key id is not that of the key", "do not use it; ask its owner")
    return msgspec.structs.replace(found, uri="")


def _digest_of(key: KeyFile) -> str:
    """Return the key id that a public part must have: the digest that securesystemslib gives it."""
    return sha256(str(encode_canonical(key.public)).encode()).hexdigest()


def _one(folder: KeyFolder, text: str, passphrases: Passphrases) -> KeyFile:
    known = {key.uri: key for key in folder.all()} | {key.name: key for key in folder.all()}
    if text in known:
        return known[text]
    if not text.startswith(f"{files.SCHEME}:"):
        raise UsageError(f"no key {text!r} in {folder.folder}", "name one of tidegate key list, or file:PATH")
    path = Path(files.path_of(text)).absolute()
    public = SSlibKey.from_crypto(files.open_private(path, passphrases.ask).public_key())
    return KeyFile(name=path.stem, keyid=public.keyid, uri=files.uri_of(path), public=public.to_dict())
