"""Reading a store back as every agent will: with python-tuf's own client, from scratch."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

from metadata.errors import UntrustedError
from repo_tools.signed.trouble import translated
from repo_tools.signed.views import Entry
from repo_tools.store import Store


class StoreFetcher(FetcherInterface):
    """Serves a client from a store, without a web server between."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = unquote(url.removeprefix(_BASE))
        data = self.store.read(name)
        if data is None:
            raise DownloadHTTPError(f"no {name}", 404)
        yield data


_BASE = "store:/"
_HINT = "it is published; do not retry blindly: tidegate check says what is wrong"


def read_back(
    store: Store, root: bytes, paths: Iterable[str], now: datetime, known: Mapping[str, bytes] | None = None
) -> dict[str, Entry | None]:
    """Return what a client finds at some target paths, starting from a root file.

    Args:
        store: Where it reads.
        root: What it trusts.
        paths: What it looks for.
        now: The present, UTC.
        known: Roles that it has from an earlier visit, by name; a new client has none.

    Raises:
        UntrustedError: A client does not accept what is published.
    """
    with translated("what is published", _HINT), _client(store, root, now, known or {}) as client:
        client.refresh()
        found = {path: client.get_targetinfo(path) for path in paths}
    entries: dict[str, Entry | None] = {}
    for path, target in found.items():
        if target is not None and "sha256" not in target.hashes:
            raise UntrustedError(f"target {path} has no SHA-256", _HINT)
        entries[path] = Entry(path, target.length, target.hashes["sha256"], target.custom) if target else None
    return entries


def read_ahead(store: Store, root: bytes, now: datetime, hint: str) -> None:
    """Read a store that is not published yet as a new client does.

    Raises:
        UntrustedError: No client would accept it; ``hint`` says what to do.
    """
    with translated(f"what is in {store.location}", hint), _client(store, root, now, {}) as client:
        client.refresh()


@contextmanager
def _client(store: Store, root: bytes, now: datetime, known: Mapping[str, bytes]) -> Iterator[Updater]:
    """Yield a client that forgets everything afterwards."""
    with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
        for role, data in known.items():
            (Path(folder) / f"{quote(role, '')}.json").write_bytes(data)
        client = Updater(
            metadata_dir=folder,
            metadata_base_url=f"{_BASE}metadata/",
            target_base_url=f"{_BASE}targets/",
            fetcher=StoreFetcher(store),
            bootstrap=root,
        )
        client._trusted_set.reference_time = now  # the clock is an argument; the client has no other door
        yield client
