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

    def keep(self, data: bytes) -> None:
        """Remember what was just written."""
        digest = sha256(data).hexdigest()
        with suppress(OSError):
            self._keep(self.folder / digest[:2] / digest, data)

    def recall_named(
        self, name: str, holds: Callable[[bytes], bool], read: Callable[[], bytes | None]
    ) -> bytes | None:
        """Return a file whose digest nobody signed, from here if it still holds, or read it and keep it.

        Args:
            name: What it is called, the store's own address with it.
            holds: Says whether its content is what that name must have.
            read: Reads it from the store.
        """
        with suppress(OSError):
            data = self._named(name).read_bytes()
            if holds(data):
                return data
        found = read()
        if found is not None and holds(found):
            self.keep_named(name, found)
        return found

    def keep_named(self, name: str, data: bytes) -> None:
        """Remember what was just written, for ``recall_named``."""
        with suppress(OSError):
            self._keep(self._named(name), data)

    def _named(self, name: str) -> Path:
        return self.folder / "named" / sha256(name.encode()).hexdigest()

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

    def read_held(self, name: str, holds: Callable[[bytes], bool]) -> bytes | None:
        """Return a file that can be told from another by looking at it, perhaps as it is remembered."""


def read_signed(store: Store, name: str, digest: str | None) -> bytes | None:
    """Return a file from a store, or from its memory; the caller compares the digest."""
    if digest is not None and isinstance(store, Remembering):
        return store.read_signed(name, digest)
    return store.read(name)


def read_held(store: Store, name: str, holds: Callable[[bytes], bool]) -> bytes | None:
    """Return a file from a store, or from its memory when that still holds."""
    return store.read_held(name, holds) if isinstance(store, Remembering) else store.read(name)
