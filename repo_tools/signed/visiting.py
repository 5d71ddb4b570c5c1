"""A real client that comes back: python-tuf's own, with a folder that it remembers things in."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import ExpiredMetadataError
from tuf.ngclient import Updater

from repo_tools.signed.client import StoreFetcher
from repo_tools.signed.trouble import translated
from repo_tools.store import Store

_BASE = "store:/"


class Visitor:
    """One client.

    Args:
        folder: What it remembers; empty for a client that was never here.
        root: The root that it was installed with.
    """

    def __init__(self, folder: Path, root: bytes) -> None:
        self.folder = folder
        self.root = root

    def visit(self, store: Store, at: datetime, paths: Iterable[str]) -> dict[str, str | None]:
        """Return the digests of what it finds at some target paths; None where it finds nothing.

        Args:
            store: What it reads, as if over HTTP.
            at: Its clock.
            paths: What it asks for, after a refresh.

        Raises:
            UntrustedError, MalformedError, UnreachableError: It does not accept what it reads.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with translated("what a client reads"):
            client = Updater(
                metadata_dir=str(self.folder),
                metadata_base_url=f"{_BASE}metadata/",
                target_base_url=f"{_BASE}targets/",
                fetcher=StoreFetcher(store),
                bootstrap=self.root,
            )
            client._trusted_set.reference_time = at  # the clock is an argument; the client has no other door
            client.refresh()
            found = {path: client.get_targetinfo(path) for path in paths}
        return {path: target.hashes.get("sha256") if target else None for path, target in found.items()}


def over(error: Exception) -> bool:
    """Return whether a client's trouble is only that something has expired."""
    return isinstance(error.__cause__, ExpiredMetadataError)
