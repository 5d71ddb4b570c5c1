"""Archives into folders: ``metadata.archives`` admits each entry; the payload is hashed on the way.

Owner and mode: files belong to whoever runs the agent and may write them; everybody may read, and execute
what the owner may. Nothing else of what an archive says about its entries is applied.
"""

import errno
import hashlib
import os
import shutil
import tarfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from agent import files
from agent.ahead import BLOCK_BYTES, Ahead
from metadata import archives
from metadata.errors import MalformedError, TidegateError, UnsuitableError, UntrustedError
from metadata.paths import suffix_of
from metadata.release import Artifact

if TYPE_CHECKING:
    import io

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
    except archives.DAMAGE as error:
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
    with packed.open("rb") as file, Ahead(archives.payload(file, suffix, BLOCK_BYTES).read) as ahead:
        reader = _Hashing(ahead, artifact.payload_bytes)
        with archives.open_tar(cast("IO[bytes]", reader), BLOCK_BYTES) as archive:
            _untar(archive, folder)
        return reader.drain()


def _copy_file(packed: Path, target: Path, most: int) -> str:
    with packed.open("rb") as source, target.open("wb") as out:
        reader = _Hashing(source, most)
        while block := reader.read(BLOCK_BYTES):
            out.write(block)
        os.fchmod(out.fileno(), 0o755)
    return reader.digest.hexdigest()


def _untar(archive: tarfile.TarFile, folder: Path) -> None:
    for name, member in archives.tar_entries(archive):
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


def _unzip(packed: Path, folder: Path, most: int) -> str:
    with packed.open("rb") as file:
        digest = _Hashing(file, most).drain()
        with archives.open_zip(file) as archive:
            for name, member in archives.zip_entries(archive):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if member.is_dir():
                    path.mkdir(exist_ok=True)
                else:
                    with archive.open(member) as source:
                        _write(path, source, member.external_attr >> 16)
    return digest


def _write(path: Path, source: IO[bytes], mode: int) -> None:
    with path.open("xb") as out:
        shutil.copyfileobj(source, out, BLOCK_BYTES)
        os.fchmod(out.fileno(), archives.normal_mode(mode))
