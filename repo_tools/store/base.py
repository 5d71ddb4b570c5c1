"""What publishing asks of a store, and the names in it.

Layout: ``metadata/`` (versioned names and ``timestamp.json``), ``targets/`` (hash-prefixed names) and
``status/``. Everything is created once and never changes, except ``timestamp.json`` and the way into the
dashboard, which are replaced only while they are still what the publisher started from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

from repo_tools.files import OnBytes, silent

TIMESTAMP = "metadata/timestamp.json"
INDEX, STATUS = "status/index.html", "status/status.json"
REPLACED = (TIMESTAMP, INDEX, STATUS)
AGAIN = "somebody published first; look at what is live (tidegate status) and prepare the change again"


@dataclass(frozen=True)
class Item:
    """One file in a store."""

    name: str
    size_bytes: int
    modified_at: datetime
    """By the store's clock, UTC."""
    mark: str = ""
    """Another one when the content is; empty where the store cannot tell."""


class Store(Protocol):
    """Where a repository is published."""

    @property
    def location(self) -> str:
        """The store as people write it."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there is none.

        Raises:
            UnreachableError: The store does not answer.
        """

    def has(self, name: str) -> bool:
        """Return whether a name is taken."""

    def create(self, name: str, data: bytes) -> None:
        """Publish a file once; the same bytes again are fine.

        Raises:
            ConflictError: Other bytes have that name.
        """

    def upload(self, name: str, source: Path, sha256: str, on_bytes: OnBytes = silent) -> None:
        """Publish a file from disk once, as ``create`` does.

        Raises:
            UntrustedError: The file does not have this digest; nothing is published.
        """

    def replace(self, name: str, data: bytes, expected: bytes | None) -> None:
        """Replace a file that is still ``expected`` (None: does not exist yet).

        Raises:
            ConflictError: Somebody else replaced it first.
        """


@runtime_checkable
class Clocked(Protocol):
    """A store that may have a clock of its own."""

    def ahead(self) -> timedelta | None:
        """Return how far this machine's clock is ahead of the store's; None when the store did not say."""


@runtime_checkable
class Proving(Protocol):
    """A store that somebody else runs, and that may not do what it says."""

    def prove(self, name: str, data: bytes, now: datetime) -> None:
        """Find out, once in a while, whether the store decides who was first.

        Args:
            name: A published file that never changes.
            data: Its content.
            now: The present, UTC.

        Raises:
            UnsuitableError: It does not: two publishers would overwrite each other.
        """


class Source(Protocol):
    """What can be copied as a whole."""

    @property
    def location(self) -> str:
        """The store as people write it."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there is none."""

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a large file's content.

        Raises:
            UntrustedError: There is none.
        """

    def items(self) -> Iterator[Item]:
        """Yield every file below ``metadata/`` and ``targets/``."""


class FullStore(Store, Source, Protocol):
    """A store that is written to: it can also be listed, copied and cleaned."""

    def below(self, folder: str) -> Iterator[Item]:
        """Yield every file below a folder."""

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""

    @property
    def lanes(self) -> int:
        """How many files are best handled at once."""

    def size_bytes(self, name: str) -> int | None:
        """Return how long a file is, or None when there is none."""

    def remove(self, name: str) -> None:
        """Remove a file that nobody needs; one that is gone already is fine."""
