"""Archives into folders: every entry asks ``metadata.entries`` first, and the payload is hashed on the way.

Owner and mode: files belong to whoever runs the agent; modes keep the owner's bits, others may read and
execute what the owner may, nobody else may write.
"""

import errno
import gzip
import hashlib
import io
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import zstandard

from agent import files
from agent.ahead import BLOCK_BYTES, Ahead
from metadata.entries import Entry, Kind, Manifest
from metadata.errors import MalformedError, TidegateError, UnsuitableError, UntrustedError
from metadata.paths import suffix_of
from metadata.release import Artifact

DAMAGE = (
    *(
        tarfile.TarError,
        zipfile.BadZipFile,
        gzip.BadGzipFile,
        zstandard.ZstdError,
        lzma.LZMAError,
        zlib.error,
    ),
    *(EOFError, NotImplementedError, RuntimeError, ValueError, struct.error),
)
"""What the libraries raise for an archive that is none; the second line is what zipfile adds in odd cases."""
PRIVATE_ARCHIVE = "the archive is damaged; tell the release manager"


class _Hashing:
    """Reads a payload once, hashing what passes and refusing more than was signed."""

    def __init__(self, source: Any, most: int) -> None:
        self._source, self._left = source, most
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._source.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise UntrustedError("the payload is longer than what was signed", PRIVATE_ARCHIVE)
        self.digest.update(data)
        return data

    def drain(self) -> str:
        """Read what is left and return the digest of everything."""
        while self.read(BLOCK_BYTES):
            pass
        return self.digest.hexdigest()


def unpack(packed: Path, artifact: Artifact, folder: Path) -> None:
    """Unpack a verified artifact into an empty folder.

    Raises:
        MalformedError: It is no archive, or has an entry that must not become a file.
        UntrustedError: The payload is not what was signed.
        UnsuitableError: There is no space.
    """
    try:
        digest = _install(packed, artifact, folder)
    except TidegateError:
        raise
    except DAMAGE as error:
        raise MalformedError(f"{artifact.path} cannot be unpacked: {error}", PRIVATE_ARCHIVE) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a zip that points before its own beginning
            raise MalformedError(f"{artifact.path} cannot be unpacked: {error}", PRIVATE_ARCHIVE) from error
        text = f"{folder} cannot be written: {error.strerror or error}"
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise UnsuitableError(text, "free some space" if full else "check the disk") from error
    if digest != artifact.payload_sha256:
        raise UntrustedError(f"the payload of {artifact.path} is not what was signed", PRIVATE_ARCHIVE)


def _install(packed: Path, artifact: Artifact, folder: Path) -> str:
    if artifact.kind == "file":
        return _copy_file(packed, files.inside(folder, artifact.name or ""), artifact.payload_bytes)
    suffix = suffix_of(artifact.path)
    if suffix == ".zip":
        return _unzip(packed, folder, artifact.payload_bytes)
    with _payload(packed, suffix) as source, Ahead(source.read) as ahead:
        reader = _Hashing(ahead, artifact.payload_bytes)
        with tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r|", bufsize=BLOCK_BYTES) as archive:
            _untar(archive, folder)
        return reader.drain()


@contextmanager
def _payload(packed: Path, suffix: str) -> Iterator[Any]:
    with packed.open("rb") as file:
        if suffix == ".tar.gz":
            with gzip.open(file) as source:
                yield source
        elif suffix == ".tar.xz":
            with lzma.open(file) as source:
                yield source
        else:
            limit = zstandard.ZstdDecompressor(max_window_size=2**27)  # 128 MB: zstd's own limit for --long
            yield limit.stream_reader(file, read_size=BLOCK_BYTES, read_across_frames=True)


def _copy_file(packed: Path, target: Path, most: int) -> str:
    with packed.open("rb") as source, target.open("wb") as out:
        reader = _Hashing(source, most)
        while block := reader.read(BLOCK_BYTES):
            out.write(block)
        os.fchmod(out.fileno(), 0o755)
    return reader.digest.hexdigest()


def _untar(archive: tarfile.TarFile, folder: Path) -> None:
    manifest = Manifest()
    for member in archive:
        if member.name in {".", "./"}:
            continue
        name = manifest.admit(Entry(member.name, _tar_kind(member), member.mode, member.linkname))
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if member.isdir():
            path.mkdir(exist_ok=True)
        elif member.issym():
            path.symlink_to(member.linkname)
        elif member.islnk():
            path.hardlink_to(files.inside(folder, member.linkname.removeprefix("./")))
        else:
            buffered = cast("io.BufferedReader", archive.extractfile(member))
            _write(path, cast("IO[bytes]", buffered.raw), member.mode)  # blocks are large already


def _tar_kind(member: tarfile.TarInfo) -> Kind:
    if member.isdir():
        return "folder"
    if member.issym():
        return "symlink"
    if member.islnk():
        return "hardlink"
    return "file" if member.isreg() and not member.issparse() else "other"


def _unzip(packed: Path, folder: Path, most: int) -> str:
    with packed.open("rb") as file:
        digest = _Hashing(file, most).drain()
    manifest = Manifest()
    with zipfile.ZipFile(packed) as archive:
        left = MAX_UNZIPPED_BYTES
        for member in archive.infolist():
            mode = member.external_attr >> 16
            kind: Kind = "folder" if member.is_dir() else "file"
            if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                kind = "other"
            name = manifest.admit(Entry(member.filename, kind, stat.S_IMODE(mode)))
            left -= member.file_size
            if left < 0:
                raise MalformedError("the zip unpacks to more than 8 GiB", PRIVATE_ARCHIVE)
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "folder":
                path.mkdir(exist_ok=True)
            else:
                with archive.open(member) as source:
                    _write(path, source, mode)
    return digest


MAX_UNZIPPED_BYTES = 1 << 33
"""A zip does not sign how large it unpacks; zipfile stops at each entry's stated size."""


def _write(path: Path, source: IO[bytes], mode: int) -> None:
    with path.open("xb") as out:
        shutil.copyfileobj(source, out, BLOCK_BYTES)
        os.fchmod(out.fileno(), 0o755 if mode & 0o100 else 0o644)
