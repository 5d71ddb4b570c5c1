"""Archives and patches, as an agent unpacks them and as a release manager takes them in."""

import io
import tarfile
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import hdiffpatch

from agent.deltas import Way, _applied
from agent.kept import form_at
from agent.repository import Target
from agent.unpack import unpack
from metadata.entries import Entry, Manifest
from metadata.release import Artifact
from repo_tools.store.bundle import Bundle
from tests.fuzz.parser import Parser, fresh, from_file
from tests.support.archives import Member, artifact, put, squeezed, tar, zipped

Read = Callable[[bytes], object]
ROOMS = ("agent/unpack.py", "metadata/archives.py", "metadata/entries.py", "metadata/paths.py")
MEMBERS: list[Member] = [
    ("bin", tarfile.DIRTYPE, "", 0o755),
    ("bin/agent", tarfile.REGTYPE, "", 0o755),
    ("bin/latest", tarfile.SYMTYPE, "agent", 0o777),
    ("bin/same", tarfile.LNKTYPE, "bin/agent", 0o755),
    ("share/" + "deep/" * 30 + "notes.txt", tarfile.REGTYPE, "", 0o644),
]
FILES = [one for one in MEMBERS if one[1] in {tarfile.REGTYPE, tarfile.DIRTYPE}]
LARGEST_BYTES = 1 << 20
OLD, NEW = b"the old payload " * 400, b"the new payload " * 420


def _unpacked(suffix: str, payload: bytes | None, pack: Callable[[bytes], bytes]) -> Read:
    """Return a reader that lets an agent unpack what was signed as ``payload``, or as it came."""

    def reads(data: bytes) -> object:
        signed = artifact(data if payload is None else payload, suffix, LARGEST_BYTES)
        with fresh("archives") as folder:
            unpack(*_put(folder, pack(data), signed))
        return None

    return reads


def _put(folder: Path, packed: bytes, signed: Artifact) -> tuple[Path, Artifact, Path]:
    path, target = put(folder, packed)
    return path, signed, target


def _compressed(suffix: str) -> Parser:
    payload = tar(MEMBERS)
    reads = _unpacked(suffix, payload, bytes)
    return Parser(f"archive {suffix}", reads, lambda: [squeezed(payload, suffix)], ROOMS)


def _inner(suffix: str) -> Parser:
    """A tar that is broken before it is compressed, so that what reads it is reached."""
    reads = _unpacked(suffix, None, lambda payload: squeezed(payload, suffix))
    return Parser(f"tar in {suffix}", reads, lambda: [tar(MEMBERS), _pax()], ROOMS)


@cache
def _pax() -> bytes:
    """Return a tar with extended headers."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a" * 150 + "ü")
        member.size, member.pax_headers = 3, {"SCHILY.xattr.user.x": "1", "comment": "2"}
        archive.addfile(member, io.BytesIO(b"abc"))
    return file.getvalue()


def _patched(data: bytes) -> object:
    with fresh("patches") as folder:
        kept = folder / f"kept{form_at(folder / 'kept.zip')}"
        kept.write_bytes(OLD)
        digest = sha256(OLD).hexdigest()
        way = Way("1.4.2", Target("x.patch", len(data), digest, "agent.releases", {}), kept, _old())
        return _applied(way, data)


def _old() -> Artifact:
    return artifact(OLD, ".zip")


def _name(data: bytes) -> str:
    return Manifest().admit(Entry(data.decode(errors="surrogateescape"), "file"))


def _carried(path: Path) -> object:
    """A store in one file gives its files as far as it has them."""
    bundle = Bundle.open(path)
    return [bundle.read(item.name) for item in bundle.items()]


PARSERS = (
    *map(_compressed, (".tar.zst", ".tar.gz", ".tar.xz")),
    *map(_inner, (".tar.zst", ".tar.gz", ".tar.xz")),
    Parser("archive .zip", _unpacked(".zip", None, bytes), lambda: [zipped(FILES)], ROOMS),
    Parser(
        "patch",
        _patched,
        lambda: [
            hdiffpatch.diff(OLD, NEW, compression="lzma2"),
            hdiffpatch.diff(OLD, NEW, compression="zstd"),
        ],
        ("agent/deltas.py",),
    ),
    Parser("name in an archive", _name, lambda: [b"share/notes.txt", "é/x".encode()], ROOMS),
    Parser("bundle", from_file("all.tar", _carried), lambda: [tar(FILES)], ("repo_tools/store/bundle.py",)),
)
