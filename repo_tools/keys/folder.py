"""The key folder: one ``<name>.json`` for each key, and the private parts that are kept in files."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from securesystemslib.signer import Key, Signer

from metadata.errors import MalformedError, TidegateError, UnsuitableError, UsageError
from repo_tools import files
from repo_tools.keys import files as key_files
from repo_tools.keys.passphrase import Passphrases
from repo_tools.keys.remote import handler, ready

FOLDER_VARIABLE = "TIDEGATE_KEYS"
"""Names the folder, where it is not the usual one."""
NAME_FIELD = "x-tidegate-name"
"""Signed with the key in delegations, so that people read names and not key ids."""
OWNER_FIELD = "x-tidegate-owner"
"""Signed beside it: whose key it is, where that is not the key's own name."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class KeyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``<name>.json`` holds."""

    name: str
    keyid: str
    uri: str
    """Where the private part is; empty when it is not at hand here."""
    public: dict[str, Any]
    owner: str = ""
    """The person whose key it is; empty where the key's name says it."""

    @property
    def person(self) -> str:
        """Whose key it is."""
        return self.owner or self.name

    def key(self) -> Key:
        """Return the public key, with its name and its owner in it."""
        signed = {NAME_FIELD: self.name} | ({OWNER_FIELD: self.owner} if self.owner else {})
        try:
            return Key.from_dict(self.keyid, {**self.public, **signed})
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedError(f"key {self.name} is malformed: {error}") from error

    @property
    def scheme(self) -> str:
        """The signature scheme."""
        return str(self.public.get("scheme", ""))


def text_of(key: KeyFile) -> bytes:
    """Return a key's public part as its file has it."""
    return (json.dumps(msgspec.to_builtins(key), indent=1) + "\n").encode()


@dataclass(frozen=True)
class KeyFolder:
    """The keys that this person, or this job, has."""

    folder: Path

    @classmethod
    def usual(cls, environ: Mapping[str, str]) -> "KeyFolder":
        """Return the folder that the environment names, or the usual one."""
        if named := environ.get(FOLDER_VARIABLE):
            return cls(Path(named))
        home = Path(environ.get("HOME") or Path.home())
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        return cls(config / "tidegate" / "keys")

    def names(self) -> list[str]:
        """Return the names of all keys here."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def get(self, name: str) -> KeyFile:
        """Return one key's public part.

        Raises:
            UsageError: There is no such key.
            MalformedError: Its file cannot be read.
        """
        try:
            return msgspec.json.decode((self.folder / f"{name}.json").read_bytes(), type=KeyFile)
        except FileNotFoundError as error:
            raise UsageError(
                f"no key {name!r} in {self.folder}", "tidegate key list shows what is there"
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            text = f"key file {self.folder / name}.json cannot be read: {error}"
            raise MalformedError(text, "bring it back from where it is kept, or move it away") from error

    def all(self) -> list[KeyFile]:
        """Return every key's public part that can be read: a broken file keeps nobody from the others."""
        return [found for found in self._found() if isinstance(found, KeyFile)]

    def broken(self) -> list[str]:
        """Return a sentence for each key file that cannot be read."""
        return [found.message for found in self._found() if isinstance(found, MalformedError)]

    def _found(self) -> Iterator[KeyFile | MalformedError]:
        for name in self.names():
            try:
                found = self.get(name)
                found.key()
            except MalformedError as error:
                yield error
            else:
                yield found

    def new(self, name: str, scheme: str, passphrase: str | None, owner: str = "") -> KeyFile:
        """Make a key; None for ``passphrase`` leaves the private part unencrypted.

        Raises:
            UsageError: The name is taken, or none.
        """
        self.check_free([name])
        signer = key_files.generate(scheme)
        pem = self.folder / f"{name}.pem"
        made = KeyFile(
            name=name,
            keyid=signer.public_key.keyid,
            uri=f"{key_files.SCHEME}:{pem.name}",
            public=signer.public_key.to_dict(),
            owner=owner,
        )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.create(pem, [key_files.pem_of(signer, passphrase)], mode=0o600)
        self._write(made)
        return made

    def remove(self, name: str) -> None:
        """Remove a key that was just made and that nothing knows."""
        for suffix in (".json", ".pem"):
            (self.folder / f"{name}{suffix}").unlink(missing_ok=True)

    def keep(self, key: KeyFile) -> None:
        """Keep a key whose private part is elsewhere.

        Raises:
            UsageError: The name is taken, or none.
        """
        self.check_free([key.name])
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(key)

    def _write(self, key: KeyFile) -> None:
        files.create(self.folder / f"{key.name}.json", [text_of(key)])

    def check_free(self, names: Iterable[str]) -> None:
        """Refuse names of keys that exist, and a folder that can hold none."""
        files.refuse_unusable(self.folder, "key folder")
        for name in names:
            if not _NAME.fullmatch(name):
                raise UsageError(
                    f"not a name for a key: {name!r}", "use lower-case letters, digits and - . _, at most 64"
                )
            if any((self.folder / f"{name}{suffix}").exists() for suffix in (".json", ".pem")):
                hint = "choose another name, another folder (TIDEGATE_KEYS), or --use-existing-keys with init"
                raise UsageError(f"key {name} exists already in {self.folder}", hint)

    def signer(self, key: KeyFile, passphrases: Passphrases) -> Signer:
        """Open a private part.

        Raises:
            TidegateError: It cannot be opened; the branch says why.
        """
        uri = key.uri
        if uri.startswith(f"{key_files.SCHEME}:"):
            uri = key_files.uri_of(self.folder / key_files.path_of(uri))
        try:
            ready(uri)
            return Signer.from_priv_key_uri(uri, key.key(), handler(uri, key.name, passphrases))
        except TidegateError:
            raise
        except Exception as error:  # back ends raise whatever they like
            raise UnsuitableError(f"key {key.name} at {uri} cannot be opened: {error}") from error

    def at_hand(self, key: KeyFile) -> bool:
        """Return whether the private part can be opened from here, as far as can be told without trying."""
        if key.uri.startswith(f"{key_files.SCHEME}:"):
            path = self.folder / key_files.path_of(key.uri)
            return path.is_file() and os.access(path, os.R_OK)
        return bool(key.uri)

    def asks(self, key: KeyFile) -> str:
        """Return what opens a private part that is at hand: a passphrase, a PIN, or nothing that is typed."""
        scheme = key.uri.partition(":")[0]
        if scheme == key_files.SCHEME:
            path = self.folder / key_files.path_of(key.uri)
            return "passphrase" if key_files.is_encrypted(path.read_bytes()) else ""
        return "PIN" if scheme == "hsm" else ""
