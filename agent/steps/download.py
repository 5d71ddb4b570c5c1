"""CHOSEN: bring the artifact, whole and verified, into a private folder."""

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from agent import kept, trees
from agent.repository import OWNER_HINT, Target
from agent.states import Update
from agent.steps.choose import is_staged
from agent.work import Result, Work
from metadata.errors import TidegateError, UnsuitableError, UntrustedError

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
    _make_room(work, update)
    detail = _fetch(work, update, target)
    return Result(True, update, work.event(update, "update_download", "ok", detail=detail))


def _make_room(work: Work, update: Update) -> None:
    """Remove the rest of what another order overtook."""
    ours = {kept.downloaded(work, update), kept.rebuilt(work, update), kept.patch(work, update)}
    folder = work.downloads / work.name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for other in set(folder.iterdir()) - ours:
        trees.remove(other)
    work.slots.versions.mkdir(parents=True, exist_ok=True)
    work.slots.prune({update.version, update.previous or ""})


def _fetch(work: Work, update: Update, target: Target) -> str:
    """Bring the payload here the cheapest way, and say which one it was."""
    if kept.rebuilt(work, update).exists():  # a tick died between the patch and its note
        return "a patch, applied before"
    path = kept.downloaded(work, update)
    left = target.length - (path.stat().st_size if path.exists() else 0)
    wanted = {path.parent: left, work.slots.versions: update.artifact.payload_bytes}
    said, spoiled = _by_patch(work, update, wanted)
    if said:
        return said
    try:
        check_space(wanted)
    except UnsuitableError:
        kept.drop(work)  # a patch would be cheaper the next time, but there must be a next time
        check_space(wanted)
    work.read().download(target, path)
    return f"{target.length:,} bytes{spoiled}"


def _by_patch(work: Work, update: Update, wanted: Mapping[Path, int]) -> tuple[str, str]:
    """Return which patch was taken, or why none was of use; both are empty where there is none."""
    if not update.artifact.deltas:
        return "", ""
    from agent import deltas  # noqa: PLC0415 (few updates have patches)

    folder = work.downloads / work.name
    try:
        check_space({folder: update.artifact.payload_bytes, work.slots.versions: wanted[work.slots.versions]})
        return deltas.take(work, update, wanted[folder]) or "", ""
    except TidegateError as error:
        return "", f"; no patch: {error.message}"


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
