"""The packed payload of what runs, kept so that the next update can be a patch; nothing depends on it."""

import contextlib
from pathlib import Path

import msgspec

from agent import files, trees
from agent.states import Update
from agent.work import Work
from metadata.paths import ARCHIVE_SUFFIXES, suffix_of
from metadata.release import Artifact

REBUILT = "rebuilt"


def fetched(work: Work, update: Update) -> Path:
    """Return where the artifact is until it is unpacked: as it was downloaded, or as a patch made it."""
    made = rebuilt(work, update)
    return made if made.exists() else downloaded(work, update)


def downloaded(work: Work, update: Update) -> Path:
    """Return where the artifact is put as it comes."""
    suffix = update.artifact.path.rpartition("/")[2]
    return files.inside(work.downloads / work.name, f"{update.version}-{suffix}")


def rebuilt(work: Work, update: Update) -> Path:
    """Return where a patch puts the payload: packed anew, where the payload is a tar."""
    form = form_of(update.artifact)
    form = ".tar.zst" if form.startswith(".tar") else form
    return files.inside(work.downloads / work.name, f"{update.version}-{REBUILT}{form}")


def patch(work: Work, update: Update) -> Path:
    """Return where a patch is put as it comes."""
    return files.inside(work.downloads / work.name, f"{update.version}.patch")


def as_packed(artifact: Artifact, packed: Path) -> Artifact:
    """Return the artifact in the form in which it is packed here."""
    if artifact.kind == "file" or REBUILT not in packed.name:
        return artifact
    return msgspec.structs.replace(artifact, path=packed.name)


def form_of(artifact: Artifact) -> str:
    """Return how a payload is packed: an archive's suffix, or ``.bin``."""
    return ".bin" if artifact.kind == "file" else suffix_of(artifact.path)


def payload(work: Work, version: str) -> Path | None:
    """Return the packed payload of a version that runs or ran here, or None."""
    return next((path for path in _all(work) if _version(path) == version), None)


def keep(work: Work, update: Update) -> None:
    """Keep what was unpacked, until the update's end tells what runs."""
    packed = fetched(work, update)
    patch(work, update).unlink(missing_ok=True)  # a tick that died over it has left it
    if not work.product.deltas or not packed.exists():
        packed.unlink(missing_ok=True)
        return
    form = form_of(as_packed(update.artifact, packed))
    target = files.inside(_folder(work), f"{update.version}{form}")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    packed.replace(target)  # a cache: what a power cut takes away is fetched whole the next time


def drop(work: Work, but: str | None = None) -> None:
    """Remove what is kept of every version ``but`` one."""
    for path in _all(work):
        if _version(path) != but:
            with contextlib.suppress(OSError):  # it costs room, and nothing else
                trees.remove(path)


def _folder(work: Work) -> Path:
    return work.settings.state_folder / "payloads" / work.name


def _all(work: Work) -> list[Path]:
    folder = _folder(work)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def form_at(path: Path) -> str:
    """Return how a kept payload is packed."""
    return next(form for form in (*ARCHIVE_SUFFIXES, ".bin") if path.name.endswith(form))


def _version(path: Path) -> str:
    return path.name.removesuffix(form_at(path))
