"""Where a repository is published: a folder or an S3 bucket, both behind one small interface."""

from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from metadata.errors import UsageError
from repo_tools.store.base import TIMESTAMP, FullStore, Item, Store
from repo_tools.store.folder import FolderStore
from repo_tools.store.memory import Memory
from repo_tools.store.options import S3Options

__all__ = [
    "TIMESTAMP",
    "FolderStore",
    "FullStore",
    "Item",
    "Memory",
    "S3Options",
    "Store",
    "open_store",
    "split",
]


def open_store(
    location: str, beside: Path, s3: S3Options | None = None, memory: Memory | None = None
) -> FullStore:
    """Return the store at a location; relative paths count from the folder ``beside``.

    Args:
        location: A folder, ``file:///…``, or ``s3://bucket/prefix``, whose query may name other options.
        beside: Usually the workspace.
        s3: How S3 is reached and written.
        memory: Where signed files are remembered that were read over a network.

    Raises:
        UsageError: It is no location of a store.
    """
    parts = split(location)
    if parts.scheme == "s3" and parts.netloc:
        from repo_tools.store.s3 import S3Store  # noqa: PLC0415  # boto3 is slow to import, and an extra

        return S3Store.at(parts, s3 or S3Options(), memory)
    if parts.scheme == "file":
        return FolderStore(location, Path(unquote(parts.path)))
    if "://" in location or not location:
        hint = "write a folder such as /srv/updates, file:///srv/updates, or s3://bucket/prefix"
        raise UsageError(f"not a store: {location!r}", hint)
    return FolderStore(location, beside / location)


def split(location: str) -> SplitResult:
    """Return the parts of a location.

    Raises:
        UsageError: It has none, such as an address whose bracket is not closed.
    """
    try:
        return urlsplit(location)
    except ValueError as error:
        text = f"not an address: {location!r}: {error}"
        raise UsageError(text, "write a folder, or a URL such as https://updates.example.com") from error
