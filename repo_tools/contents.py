"""The content of target files: staged, or published; always checked against its signed digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from metadata.errors import UntrustedError
from repo_tools import files
from repo_tools.signed.views import Entry
from repo_tools.store import Store
from repo_tools.store.memory import read_signed


@dataclass(frozen=True)
class Contents:
    """Files below ``targets/``, by their entries."""

    folder: Path
    store: Store

    def read(self, entry: Entry) -> bytes:
        """Return a file's content.

        Raises:
            UntrustedError: It is missing, or not what was signed.
        """
        path = self.folder / entry.stored_as
        name = f"targets/{entry.stored_as}"
        data = path.read_bytes() if path.is_file() else read_signed(self.store, name, entry.sha256)
        if data is None:
            hint = "publish it, or take staged/targets from where this change was prepared"
            raise UntrustedError(f"{entry.path} is listed but neither staged nor published", hint)
        if len(data) != entry.length or sha256(data).hexdigest() != entry.sha256:
            raise UntrustedError(f"{entry.path} is not what was signed")
        return data

    def stage(self, path: str, data: bytes) -> Entry:
        """Prepare a small file, and return its entry."""
        entry = Entry(path, len(data), sha256(data).hexdigest())
        files.write(self.folder / entry.stored_as, data)
        return entry

    def staged(self, entry: Entry) -> Path | None:
        """Return where a file is prepared, or None."""
        path = self.folder / entry.stored_as
        return path if path.is_file() else None


def route_entry(path: str, document: Entry, custom: Mapping[str, Any]) -> Entry:
    """Return a route's entry: the release document under the route's name, and the order."""
    return Entry(path, document.length, document.sha256, dict(custom))
