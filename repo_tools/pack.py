"""Turn what a person has into an artifact: a folder is packed, archives and single files are inspected.

Packing is reproducible: entries sorted, times and owners 0, modes 0755 or 0644; the same input gives the
same bytes. What an agent would refuse is refused here, by the same rules (``metadata.archives``).
"""

import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Literal, cast

import zstandard

from metadata import archives
from metadata.entries import MAX_UNPACKED_BYTES, Entry, Kind, Manifest
from metadata.errors import MalformedError, UsageError
from metadata.paths import ARCHIVE_SUFFIXES, suffix_of
from repo_tools import files
from repo_tools.files import OnBytes, silent

LEVEL = 12
"""zstd: packed once, downloaded by every host."""
THREADS = 2
"""Part of the format of the output: one thread gives other bytes than several."""
_PACKED = (b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\3\4", b"PK\5\6", b"BZh")
"""How gzip, xz, zstd, zip and bzip2 begin; no executable does."""
_TAR_AT = 257
_HEAD_BYTES = 262


@dataclass(frozen=True)
class Packed:
    """An artifact, ready to be listed."""

    kind: Literal["tree", "file"]
    suffix: str
    name: str | None
    length: int
    sha256: str
    payload_bytes: int
    payload_sha256: str
    entries: int


def empty_programs(source: Path) -> list[str]:
    """Return the programs in a folder, or the single file, that have no content: a build that went wrong."""
    if not source.is_dir():
        return [source.name] if source.stat().st_size == 0 else []
    files_in = (path for path in sorted(source.rglob("*")) if path.is_file() and not path.is_symlink())
    empty = (path for path in files_in if path.stat().st_size == 0)
    return [str(path.relative_to(source)) for path in empty if path.stat().st_mode & 0o111]


class Meter:
    """A stream's length and digest, while it passes."""

    def __init__(self, inner: BinaryIO, on_bytes: OnBytes = silent) -> None:
        self._inner = inner
        self._hash = sha256()
        self._on_bytes = on_bytes
        self.count = 0

    def write(self, data: bytes) -> int:
        """Pass data on."""
        self._note(data)
        return self._inner.write(data)

    def read(self, size: int = -1) -> bytes:
        """Pass data on."""
        data = self._inner.read(size)
        self._note(data)
        return data

    def drain(self) -> None:
        """Read to the end."""
        while self.read(files.CHUNK_BYTES):
            pass

    @property
    def digest(self) -> str:
        """SHA-256 of what has passed."""
        return self._hash.hexdigest()

    def _note(self, data: bytes) -> None:
        self._hash.update(data)
        self.count += len(data)
        self._on_bytes(len(data))


def pack(source: Path, target: Path, on_bytes: OnBytes = silent) -> Packed:
    """Pack a folder as ``.tar.zst`` into ``target``.

    Raises:
        MalformedError: It holds what an agent would refuse.
    """
    manifest, count = Manifest(), 0
    compressor = zstandard.ZstdCompressor(level=LEVEL, threads=THREADS, write_checksum=True)
    with target.open("wb") as raw:
        outer = Meter(cast("BinaryIO", raw))
        with compressor.stream_writer(cast("BinaryIO", outer), closefd=False) as stream:
            inner = Meter(cast("BinaryIO", stream), on_bytes)
            with tarfile.open(
                fileobj=cast("BinaryIO", inner), mode="w|", format=tarfile.PAX_FORMAT
            ) as archive:
                for path in _walk(source):
                    _add(archive, manifest, path, path.relative_to(source).as_posix())
                    count += 1
    if not count:
        raise MalformedError(f"{source} is empty", "a release holds at least one file")
    return Packed("tree", ".tar.zst", None, outer.count, outer.digest, inner.count, inner.digest, count)


def inspect(source: Path, on_bytes: OnBytes = silent) -> Packed:
    """Return what a ready archive holds.

    Raises:
        MalformedError: An agent would refuse it.
    """
    suffix = suffix_of(source.name)
    try:
        packed = _inspect(source, suffix, on_bytes)
    except (*archives.DAMAGE, OSError) as error:
        raise MalformedError(f"{source.name} cannot be unpacked: {error}", "build it anew") from error
    if not packed.entries:
        raise MalformedError(f"{source.name} is empty", "a release holds at least one file")
    return packed


def _inspect(source: Path, suffix: str, on_bytes: OnBytes) -> Packed:
    with source.open("rb") as raw:
        outer = Meter(cast("BinaryIO", raw), on_bytes)
        inner = outer
        if suffix == ".zip":
            outer.drain()
            count = _zip_entries(raw)
        else:
            inner, count = _tar_entries(outer, suffix)
            outer.drain()
    return Packed("tree", suffix, None, outer.count, outer.digest, inner.count, inner.digest, count)


def single(source: Path, name: str, on_bytes: OnBytes = silent) -> Packed:
    """Return a single executable as an artifact."""
    Manifest().admit(Entry(name, "file"))
    with source.open("rb") as raw:
        meter = Meter(cast("BinaryIO", raw), on_bytes)
        meter.drain()
    return Packed("file", ".bin", name, meter.count, meter.digest, meter.count, meter.digest, 1)


def is_archive(path: Path) -> bool:
    """Return whether a file's name says that agents unpack it."""
    return path.name.endswith(ARCHIVE_SUFFIXES)


def refuse_packed(source: Path) -> None:
    """Refuse as one executable what is empty, or what its first bytes say is packed.

    Raises:
        UsageError: A host could not run it.
    """
    if not source.stat().st_size:
        raise UsageError(f"{source.name} is empty", "build it anew; --kind file takes it as it is")
    with source.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(_PACKED) or head[_TAR_AT:].startswith(b"ustar"):
        names = f"agents unpack {', '.join(ARCHIVE_SUFFIXES)}"
        text = f"{source.name} is packed, and its name does not say how: {names}"
        raise UsageError(text, "rename it, or pack it so; --kind file installs it as it is")


def size_of(source: Path) -> int:
    """Return how many bytes packing will read.

    Raises:
        UsageError: There is nothing at that path.
    """
    if source.is_dir():
        return sum(path.lstat().st_size for path in _walk(source))
    if not source.is_file():
        raise UsageError(f"no file or folder at {source}", "name what was built")
    return source.stat().st_size


def _walk(source: Path) -> Iterator[Path]:
    for path in sorted(source.iterdir(), key=lambda found: os.fsencode(found.name)):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _add(archive: tarfile.TarFile, manifest: Manifest, path: Path, name: str) -> None:
    status = path.lstat()
    link = str(path.readlink()) if stat.S_ISLNK(status.st_mode) else ""
    mode = 0o777 if link else stat.S_IMODE(status.st_mode)
    info = tarfile.TarInfo(manifest.admit(Entry(name, _kind(status.st_mode), mode, link)))
    info.mode = 0o755 if status.st_mode & 0o111 or path.is_dir() else 0o644
    if link:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, link, 0o777
        archive.addfile(info)
    elif stat.S_ISDIR(status.st_mode):
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    else:
        info.size = status.st_size
        with path.open("rb") as file:
            archive.addfile(info, file)


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "symlink" if stat.S_ISLNK(mode) else "other"


def _tar_entries(raw: Meter, suffix: str) -> tuple[Meter, int]:
    """Return what passed of the payload, and how many entries it has."""
    inner = Meter(cast("BinaryIO", archives.payload(cast("BinaryIO", raw), suffix)), _refuse_more())
    with archives.open_tar(cast("BinaryIO", inner)) as archive:
        count = sum(1 for _ in archives.tar_entries(archive))
    inner.drain()
    return inner, count


def _zip_entries(file: BinaryIO) -> int:
    with archives.open_zip(file) as archive:
        count = len(archives.zip_entries(archive))
        broken = archive.testzip()
    if broken is not None:
        raise MalformedError(f"{broken!r} is damaged", "build it anew")
    return count


def _refuse_more() -> OnBytes:
    """Return a counter that ends a payload which is longer than any host would unpack."""
    left = MAX_UNPACKED_BYTES

    def count(read: int) -> None:
        nonlocal left
        left -= read
        if left < 0:
            raise MalformedError(
                "it unpacks to more than 8 GiB", "a release of that size fills a host's disk"
            )

    return count
