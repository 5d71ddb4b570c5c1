"""Signed files that were read over a network, remembered by their digest: what is immutable is read once.

Nothing here has to be believed: a file is used only when it has the digest it is kept under. The folder may
be removed at any time.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol, runtime_checkable

from repo_tools.store.base import Store


@dataclass(frozen=True)
class Memory:
    """A folder of files by digest."""

    folder: Path

    def recall(self, digest: str, read: Callable[[], bytes | None]) -> bytes | None:
        """Return a file from here, or read it and keep it."""
        path = self.folder / digest[:2] / digest
        with suppress(OSError):
            data = path.read_bytes()
            if sha256(data).hexdigest() == digest:
                return data
        found = read()
        if found is not None and sha256(found).hexdigest() == digest:
            with suppress(OSError):  # remembering is an economy, never a duty
                self._keep(path, found)
        return found

    def _keep(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        (self.folder / ".gitignore").write_text("*\n")
        ready = path.with_name(f".new-{os.getpid()}-{path.name}")
        ready.write_bytes(data)
        ready.replace(path)


@runtime_checkable
class Remembering(Protocol):
    """A store with a memory."""

    def read_signed(self, name: str, sha256: str) -> bytes | None:
        """Return a file whose digest is signed, perhaps as this machine remembers it."""


def read_signed(store: Store, name: str, digest: str | None) -> bytes | None:
    """Return a file from a store, or from its memory; the caller compares the digest."""
    if digest is not None and isinstance(store, Remembering):
        return store.read_signed(name, digest)
    return store.read(name)
