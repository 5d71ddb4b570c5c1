"""Patches: make an artifact's payload from the one that is kept; if that fails, the full file is fetched.

The result must have the signed payload digest, so a patch decides nothing. One that was begun is noted before
it is applied and not tried again: a tick that died over it fetches the full file.
"""

from hashlib import sha256
from pathlib import Path
from typing import IO, NamedTuple

from zstandard import ZstdCompressor

from agent import files, kept
from agent.repository import Target
from agent.states import Update
from agent.work import Work
from metadata import archives
from metadata.errors import UnsuitableError, UntrustedError
from metadata.release import Artifact

SPARE_MEMORY_BYTES = 128 << 20
"""Left to the product: what runs must not be pushed out for a patch."""
MEMINFO = Path("/proc/meminfo")


class Way(NamedTuple):
    """A patch that could be taken."""

    version: str
    """What it begins with."""
    target: Target
    packed: Path
    """The old payload."""
    old: Artifact


def take(work: Work, update: Update, full_bytes: int) -> str | None:
    """Make the payload by the smallest patch that is smaller than ``full_bytes``; say what was done.

    Returns:
        Which way was taken; None where there is no patch to take.

    Raises:
        UnsuitableError, UntrustedError, UnreachableError, MalformedError: It is of no use here.
    """
    way = _cheapest(work, update, full_bytes)
    if way is None:
        return None
    _refuse_little_memory(way, update.artifact)
    patch = kept.patch(work, update)
    work.read().download(way.target, patch)
    work.journal.remember({_tried(work): way.target.sha256})
    try:
        payload = _applied(way, patch.read_bytes())
        _check(payload, update.artifact)
        _pack(payload, kept.rebuilt(work, update))
    finally:
        patch.unlink(missing_ok=True)
    work.journal.remember({_tried(work): None})
    return f"{way.target.length:,} bytes, a patch from {way.version}"


def _cheapest(work: Work, update: Update, full_bytes: int) -> Way | None:
    """Return the smallest patch by signed sizes; who demands statements about the full file gets it."""
    if not work.product.deltas or work.product.attestations:
        return None
    ways = [way for delta in update.artifact.deltas if (way := _way(work, delta.from_version, delta.path))]
    tried = work.journal.recall(_tried(work))
    ways = [way for way in ways if way.target.length < full_bytes and way.target.sha256 != tried]
    return min(ways, key=lambda way: way.target.length, default=None)


def _way(work: Work, version: str, path: str) -> Way | None:
    packed, release = kept.payload(work, version), work.old_release(version)
    old = release.artifact_for(work.platform) if release else None
    if packed is None or old is None:
        return None
    target = work.read().find(path)
    if target is None or target.role != f"{work.name}.releases":
        return None
    return Way(version, target, packed, old)


def _tried(work: Work) -> str:
    return f"delta/{work.name}"


def _refuse_little_memory(way: Way, new: Artifact) -> None:
    wanted = way.old.payload_bytes + new.payload_bytes + way.target.length + SPARE_MEMORY_BYTES
    have = memory_bytes(MEMINFO.read_text() if MEMINFO.exists() else "")
    if have is not None and have < wanted:
        raise UnsuitableError(f"a patch needs {wanted:,} bytes of memory, and {have:,} are free")


def memory_bytes(meminfo: str) -> int | None:
    """Return the memory that new programs may take; None where the kernel does not say."""
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _applied(way: Way, patch: bytes) -> bytes:
    try:
        import hdiffpatch  # noqa: PLC0415 (most ticks take no patch, and a host may lack the library)
    except ImportError as error:
        raise UnsuitableError("the library hdiffpatch is not installed") from error
    try:
        with way.packed.open("rb") as file:
            return hdiffpatch.apply(_unpacked(file, way), patch)
    except (hdiffpatch.HDiffPatchError, *archives.DAMAGE) as error:
        raise UntrustedError(f"the patch does not fit what is kept of {way.version}: {error}") from error
    except MemoryError as error:
        raise UnsuitableError("the memory does not suffice for a patch") from error
    except OSError as error:
        raise UnsuitableError(f"{way.packed.name}: {files.told(error)}") from error


def _unpacked(file: IO[bytes], way: Way) -> bytes:
    """Return the old payload, and no more of it than was signed."""
    form = kept.form_at(way.packed)
    stream = archives.payload(file, form) if form.startswith(".tar") else file
    return stream.read(way.old.payload_bytes)


def _check(payload: bytes, artifact: Artifact) -> None:
    if len(payload) != artifact.payload_bytes or sha256(payload).hexdigest() != artifact.payload_sha256:
        raise UntrustedError("the patch makes something else than what was signed")


def _pack(payload: bytes, path: Path) -> None:
    """Put the payload where it is unpacked from; it counts as fetched only under its name."""
    packed = ZstdCompressor(level=3).compress(payload) if path.name.endswith(".tar.zst") else payload
    try:
        files.write(path, packed)
    except OSError as error:
        raise UnsuitableError(f"{path}: {files.told(error)}", files.mend(error)) from error
