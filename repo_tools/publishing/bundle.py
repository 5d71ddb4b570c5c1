"""Carry a repository over an air gap: one file out, verified from the receiving side's root, published."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO

from metadata.errors import UnsuitableError, UntrustedError, UsageError
from repo_tools.desk import Desk
from repo_tools.files import OnBytes, silent
from repo_tools.publishing.mirror import copy, fill, refuse_ahead
from repo_tools.publishing.order import publishing_order
from repo_tools.publishing.reach import needed_before, needed_now
from repo_tools.signed.client import read_ahead
from repo_tools.signed.live import Live
from repo_tools.signed.views import Entry
from repo_tools.store import TIMESTAMP, FullStore
from repo_tools.store.bundle import Bundle

_SPOOLED_BYTES = 8 << 20
_OLDER = "this bundle is older than what is there: carry a newer one over"
_NEWER = "nothing was published: carry a bundle over that is newer, and signed for this root"
_AGAIN = "export it again, and carry it over once more"


def export(desk: Desk, path: Path, *, history: bool, on_bytes: OnBytes = silent) -> int:
    """Write what is live into one file, the root chain with it; return how many files it holds.

    Args:
        desk: The workspace; a pair of store and root that is verified first.
        path: Where to write; the file appears when it is complete.
        history: Take every published version, for audits on the other side.
        on_bytes: Told what was written.

    Raises:
        UsageError: It cannot be written there.
    """
    live = desk.live
    if live.timestamp is None:
        raise UnsuitableError(
            f"nothing is published in {desk.store.location} yet", "tidegate publish comes first"
        )
    names: dict[str, Entry | None] = needed_now(live)
    if history:
        names |= dict.fromkeys(needed_before(desk.store, live.timestamp.version, None) - names.keys())
    with _appearing(path) as ready, tarfile.open(ready, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in publishing_order(names):
            _add(desk.first, tar, name, names[name])
            on_bytes(tar.getmember(name).size)
    return len(names)


def take_in(bundle: Bundle, store: FullStore, root: bytes, now: datetime) -> int:
    """Verify a bundle from a root on, and publish it in a store; return how many files were new there.

    Raises:
        UntrustedError: Something in it is not what was signed, or has expired; nothing was written.
        ConflictError: The store is ahead of the bundle.
    """
    live = Live(bundle, root)
    if live.timestamp is None:
        raise UntrustedError(f"{bundle.path} has no timestamp", _AGAIN)
    refuse_ahead(bundle.read(TIMESTAMP), store, root, _OLDER)
    read_ahead(bundle, root, now, _NEWER)
    for name, entry in needed_now(live).items():
        if entry is not None:
            _verify(bundle, name, entry)
        elif not bundle.has(name) and not name.endswith(".root.json"):
            raise UntrustedError(f"{name} is missing in {bundle.path}", _AGAIN)
    return copy(bundle, store, root, now) or fill(bundle, store)  # history may come after what is live


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """Yield another name for a file, and give it its own at the end."""
    ready = path.with_name(f".new-{path.name}")
    try:
        try:
            yield ready
            ready.replace(path)
        finally:
            with suppress(OSError):
                ready.unlink(missing_ok=True)
    except OSError as error:
        hint = "choose a folder that is there, may be written and has room"
        raise UsageError(f"{path} cannot be written: {error.strerror or error}", hint) from error


def _verify(bundle: Bundle, name: str, entry: Entry) -> None:
    found = sha256()
    for chunk in bundle.stream(name):
        found.update(chunk)
    if found.hexdigest() != entry.sha256:
        raise UntrustedError(f"{name} in {bundle.path} is not what was signed", _AGAIN)


def _add(store: FullStore, tar: tarfile.TarFile, name: str, entry: Entry | None) -> None:
    with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES, prefix="tidegate-") as file:
        digest, size = _fill(store, name, file)
        if entry is not None and digest != entry.sha256:
            raise UntrustedError(f"{name} in {store.location} is not what was signed")
        member = tarfile.TarInfo(name)
        member.size = size
        file.seek(0)
        tar.addfile(member, file)


def _fill(store: FullStore, name: str, file: IO[bytes]) -> tuple[str, int]:
    found, size = sha256(), 0
    for chunk in store.stream(name):
        found.update(chunk)
        size += file.write(chunk)
    return found.hexdigest(), size
