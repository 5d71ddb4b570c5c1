"""CHOSEN: bring the artifact, whole and verified, into a private folder."""

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from agent import files, trees
from agent.repository import OWNER_HINT
from agent.states import Update
from agent.steps.choose import is_staged
from agent.work import Result, Work
from metadata.errors import UnsuitableError, UntrustedError

SPARE_BYTES = 64 << 20
"""Kept free for the product itself: logs, databases, the journal."""
STEP_S = 7_500
"""A little more than the fetcher's own limit for an artifact."""


def download(work: Work, update: Update | None) -> Result:
    """Fetch the artifact unless the version is staged already."""
    assert update is not None
    if work.watched:
        return Result(False, halt=True)
    if is_staged(work, update.version):
        return Result(True, update)
    work.announce(STEP_S, f"downloading {update.version}")
    repository = work.read()
    target = repository.find(update.artifact.path)
    if target is None or target.role != f"{work.name}.releases":
        raise UntrustedError(f"the releases role does not list {update.artifact.path}", OWNER_HINT)
    path = packed_path(work, update)
    have = path.stat().st_size if path.exists() else 0
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for other in set(path.parent.iterdir()) - {path}:
        trees.remove(other)  # the rest of a download that another order overtook
    work.slots.versions.mkdir(parents=True, exist_ok=True)
    work.slots.prune({update.version, update.previous or ""})
    check_space({path.parent: target.length - have, work.slots.versions: update.artifact.payload_bytes})
    repository.download(target, path)
    event = work.event(update, "update_download", "ok", detail=f"{target.length:,} bytes")
    return Result(True, update, event)


def packed_path(work: Work, update: Update) -> Path:
    """Return where the artifact is kept until it is unpacked."""
    suffix = update.artifact.path.rpartition("/")[2]
    return files.inside(work.downloads / work.name, f"{update.version}-{suffix}")


def check_space(wanted: Mapping[Path, int]) -> None:
    """Raise UnsuitableError unless there is room for so many bytes in each folder, and a reserve beside them.

    Folders on one file system share its room.
    """
    together: Counter[int] = Counter()
    for folder, wanted_bytes in wanted.items():
        device = folder.stat().st_dev
        together[device] += wanted_bytes
        free = shutil.disk_usage(folder).free
        if free < together[device] + SPARE_BYTES:
            have = f"{folder} has {free:,} bytes free; {together[device]:,} and a reserve of {SPARE_BYTES:,}"
            raise UnsuitableError(
                f"{have} are needed", "free some space on that disk; the next tick tries again"
            )
