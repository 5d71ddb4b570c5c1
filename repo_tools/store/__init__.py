"""Where a repository is published: a folder now, S3 later; both behind one small interface.

Layout: ``metadata/`` (versioned names and ``timestamp.json``), ``targets/`` (hash-prefixed names) and
``status/``. Everything is created once and never changes, except ``timestamp.json``, which is replaced only
while it is still the one that the publisher started from.
"""

from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from metadata.errors import UnsuitableError, UsageError
from repo_tools.files import OnBytes, silent
from repo_tools.store.folder import FolderStore

TIMESTAMP = "metadata/timestamp.json"


class Store(Protocol):
    """What publishing needs of a store."""

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


def open_store(location: str, beside: Path) -> Store:
    """Return the store at a location; relative paths count from the folder ``beside``.

    Raises:
        UnsuitableError: This version cannot publish there.
    """
    parts = urlsplit(location)
    if parts.scheme == "s3":
        hint = "publish to a folder for now, and copy it there: timestamp.json last"
        raise UnsuitableError(f"this version does not publish to S3 yet: {location}", hint)
    if parts.scheme == "file":
        return FolderStore(location, Path(unquote(parts.path)))
    if "://" in location or not location:
        raise UsageError(
            f"not a store: {location!r}", "write a folder such as /srv/updates, or file:///srv/updates"
        )
    return FolderStore(location, beside / location)
