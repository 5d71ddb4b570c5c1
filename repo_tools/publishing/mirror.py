"""Bring a store to what another one has: missing files in publishing order, the timestamp last.

Nothing is decided here: a mirror that is ahead, or that has other bytes under a name, is a conflict.
"""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from metadata.errors import ConflictError, TidegateError
from repo_tools.desk import Desk
from repo_tools.files import OnBytes, silent
from repo_tools.publishing.order import stages
from repo_tools.signed.live import Live
from repo_tools.signed.reading import timestamp_version
from repo_tools.store import TIMESTAMP, FullStore, Item
from repo_tools.store.base import Proving, Source
from repo_tools.store.lanes import in_lanes

_AHEAD = "somebody published there: find out who, and keep one store as the first in tidegate.toml"


def mirror_all(desk: Desk, on_bytes: OnBytes = silent) -> dict[str, int]:
    """Bring every mirror of a workspace to what is live; return how many files each was given.

    Raises:
        TidegateError: The first trouble with a mirror; the others are served first.
    """
    given: dict[str, int] = {}
    troubles: list[TidegateError] = []
    for mirror in desk.mirrors:
        try:
            given[mirror.location] = copy(desk.first, mirror, desk.workspace.root_bytes(), desk.now, on_bytes)
        except TidegateError as error:
            error.message = f"published to {desk.store.location}, but not to a mirror: {error.message}"
            troubles.append(error)
    if troubles:
        raise troubles[0]
    return given


def refuse_ahead(source: bytes | None, target: FullStore, root: bytes, hint: str = _AHEAD) -> bytes | None:
    """Return a mirror's timestamp unless it is ahead of the source's.

    Raises:
        ConflictError: It is.
    """
    there = target.read(TIMESTAMP)
    if there is None or source is None or there == source:
        return there
    theirs = Live(target, root).timestamp
    ours = timestamp_version(source)
    if theirs is not None and theirs.version >= ours:
        text = f"{target.location} has timestamp {theirs.version}, and what comes has {ours}"
        raise ConflictError(text, hint)
    return there


def copy(
    source: Source,
    target: FullStore,
    root: bytes,
    now: datetime,
    on_bytes: OnBytes = silent,
) -> int:
    """Create what a store lacks of another's files, and replace its timestamp; return how many files came.

    Args:
        source: What is copied.
        target: Where it goes.
        root: The root that is trusted.
        now: The present, UTC; a target that may ignore conditions proves that it does not.
        on_bytes: Told how much was copied.

    Raises:
        ConflictError: The target is ahead, or has other bytes under a name.
        UnsuitableError: It does not decide who was first; its timestamp was not touched.
    """
    stamp = source.read(TIMESTAMP)  # first: whatever it names is in the listing that follows
    before = refuse_ahead(stamp, target, root)
    if stamp is None or stamp == before:
        return 0
    count = fill(source, target, on_bytes)
    if isinstance(target, Proving):
        target.prove(f"metadata/{timestamp_version(stamp)}.timestamp.json", stamp, now)
    target.replace(TIMESTAMP, stamp, before)
    return count + 1


def fill(source: Source, target: FullStore, on_bytes: OnBytes = silent) -> int:
    """Create what a store lacks of another's files, whatever is live there; return how many came."""
    there = {(item.name, item.size_bytes) for item in target.items()}
    missing = [item.name for item in _copied(source) if (item.name, item.size_bytes) not in there]
    for names in stages(missing):
        in_lanes(target.lanes, partial(_copy, source, target, on_bytes), names)
    return len(missing)


def _copied(source: Source) -> Iterator[Item]:
    for item in source.items():
        if item.name != TIMESTAMP and not item.name.rpartition("/")[2].startswith("."):
            yield item


def _copy(source: Source, target: FullStore, on_bytes: OnBytes, name: str) -> None:
    if name.startswith("metadata/"):
        data = source.read(name)
        if data is not None:
            target.create(name, data)
        return
    digest = name.rpartition("/")[2].partition(".")[0]
    with tempfile.NamedTemporaryFile(prefix="tidegate-") as file:
        for chunk in source.stream(name):
            file.write(chunk)
        file.flush()
        target.upload(name, Path(file.name), digest, on_bytes)
