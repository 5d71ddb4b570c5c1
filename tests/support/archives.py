"""Archives as attackers write them, and what is signed for them."""

import gzip
import hashlib
import io
import lzma
import tarfile
import warnings
import zipfile
from pathlib import Path

import zstandard

from metadata.release import Artifact

Member = tuple[str, bytes, str, int]
"""Name, kind as tar has it, where a link points, mode."""
ZIP_KINDS = {
    tarfile.REGTYPE: 0o100000,
    tarfile.DIRTYPE: 0o040000,
    tarfile.SYMTYPE: 0o120000,
    tarfile.FIFOTYPE: 0o010000,
    tarfile.CHRTYPE: 0o020000,
    tarfile.LNKTYPE: 0o140000,  # a zip has no hard links; a socket is as strange
}


def tar(members: list[Member], content: bytes = b"content") -> bytes:
    """Return a tar with these members, as an attacker would write it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8") as archive:
        for name, kind, target, mode in members:
            member = tarfile.TarInfo()
            member.name, member.type, member.linkname, member.mode = name, kind, target, mode
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(content) if member.size else None)
    return file.getvalue()


def zipped(members: list[Member], content: bytes = b"content") -> bytes:
    """Return a zip with these members."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # that a name stands twice is the point
        for name, kind, target, mode in members:
            info = zipfile.ZipInfo(f"{name}/" if kind == tarfile.DIRTYPE else name)
            info.external_attr = (ZIP_KINDS[kind] | mode) << 16
            archive.writestr(info, content if kind == tarfile.REGTYPE else target.encode())
    return file.getvalue()


def squeezed(payload: bytes, suffix: str) -> bytes:
    """Return a tar under one of the three compressions."""
    if suffix == ".tar.gz":
        return gzip.compress(payload, mtime=0)
    return lzma.compress(payload) if suffix == ".tar.xz" else zstandard.compress(payload)


def artifact(payload: bytes, suffix: str = ".tar.zst", length: int | None = None) -> Artifact:
    """Return what is signed for a payload."""
    size = len(payload) if length is None else length
    digest = hashlib.sha256(payload).hexdigest()
    return Artifact(
        platform="linux-x86_64", path=f"x{suffix}", kind="tree", payload_sha256=digest, payload_bytes=size
    )


def put(folder: Path, data: bytes, name: str = "packed") -> tuple[Path, Path]:
    """Write an archive beside an empty folder, and return both."""
    packed, target = folder / name, folder / "below" / "target"
    target.mkdir(parents=True)
    packed.write_bytes(data)
    return packed, target
