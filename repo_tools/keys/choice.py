"""Which keys a person means: a name in the key folder, or the URI of a private part."""

from collections.abc import Sequence
from pathlib import Path

from securesystemslib.signer import SSlibKey

from metadata.errors import UsageError
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


def _one(folder: KeyFolder, text: str, passphrases: Passphrases) -> KeyFile:
    known = {key.uri: key for key in folder.all()} | {key.name: key for key in folder.all()}
    if text in known:
        return known[text]
    if not text.startswith(f"{files.SCHEME}:"):
        raise UsageError(f"no key {text!r} in {folder.folder}", "name one of tidegate key list, or file:PATH")
    path = Path(files.path_of(text)).absolute()
    public = SSlibKey.from_crypto(files.open_private(path, passphrases.ask).public_key())
    return KeyFile(name=path.stem, keyid=public.keyid, uri=files.uri_of(path), public=public.to_dict())
