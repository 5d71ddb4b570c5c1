"""Stores that are only there to be read."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, Protocol

from metadata.errors import UnsuitableError, UntrustedError
from repo_tools.files import OnBytes, silent
from repo_tools.store import Store


class Reading(Store, Protocol):
    """What an audit needs of a store."""

    @property
    def lanes(self) -> int:
        """How many files are best read at once."""

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a large file's content.

        Raises:
            UntrustedError: There is none.
        """

    def size_bytes(self, name: str) -> int | None:
        """Return how long a file is, or None when there is none."""


class ReadOnly:
    """Base of stores that nobody publishes to; what differs is where bytes come from."""

    lanes: int = 1

    @property
    def location(self) -> str:
        """The store as people write it."""
        raise NotImplementedError

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there is none."""
        raise NotImplementedError

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a large file's content.

        Raises:
            UntrustedError: There is none.
        """
        data = self.read(name)
        if data is None:
            raise UntrustedError(f"{name} is missing in {self.location}")
        yield data

    def has(self, name: str) -> bool:
        """Return whether a name is taken."""
        return self.read(name) is not None

    def size_bytes(self, name: str) -> int | None:
        """Return how long a file is, or None when there is none."""
        data = self.read(name)
        return None if data is None else len(data)

    def create(self, name: str, data: bytes) -> None:
        """Refuse to write."""
        del name, data
        self._refuse()

    def upload(self, name: str, source: Path, sha256: str, on_bytes: OnBytes = silent) -> None:
        """Refuse to write."""
        del name, source, sha256, on_bytes
        self._refuse()

    def replace(self, name: str, data: bytes, expected: bytes | None) -> None:
        """Refuse to write."""
        del name, data, expected
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise UnsuitableError(f"{self.location} can only be read", "publish to the store behind it")
