"""A store that is a folder, for a web server to serve or for a test.

Whatever the umask of whoever publishes, the server may enter the folders that are made and read the files.
"""

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from metadata.errors import ConflictError, UnreachableError, UntrustedError
from metadata.paths import safe_path
from repo_tools import files
from repo_tools.files import OnBytes, silent
from repo_tools.store.base import AGAIN, Item

LOCK = ".lock"
_BLOCK_BYTES = 1 << 14
"""Metadata is nearly always shorter."""


@dataclass(frozen=True)
class FolderStore:
    """Files below one folder."""

    location: str
    folder: Path
    lanes: int = 1
    """One: a disk flushes one file after the other anyway."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there is none."""
        try:
            return _content(f"{self.folder}/{safe_path(name)}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self.location, error) from error

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a large file's content."""
        if not self.has(name):
            raise UntrustedError(f"{name} is missing in {self.location}")
        with _reachable(self.location):
            yield from files.chunks_of(self._path(name))

    def has(self, name: str) -> bool:
        """Return whether a name is taken."""
        return self._path(name).is_file()

    def size_bytes(self, name: str) -> int | None:
        """Return how long a file is, or None when there is none."""
        with _reachable(self.location):
            return self._path(name).stat().st_size if self.has(name) else None

    def items(self) -> Iterator[Item]:
        """Yield every file below ``metadata/`` and ``targets/``, half-written ones too."""
        yield from self.below("metadata")
        yield from self.below("targets")

    def below(self, folder: str) -> Iterator[Item]:
        """Yield every file below a folder."""
        for entry in self._entries(folder):
            name = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from self.below(name)
                continue
            with _reachable(self.location), suppress(FileNotFoundError):  # it was renamed meanwhile
                if entry.is_file():
                    yield _item(name, entry.stat())

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""
        return [entry.name for entry in self._entries(folder) if entry.is_dir()]

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        with _reachable(self.location):
            try:
                with os.scandir(f"{self.folder}/{folder}") as entries:
                    return sorted(entries, key=lambda entry: entry.name)
            except FileNotFoundError:
                return []

    def create(self, name: str, data: bytes) -> None:
        """Publish a file once; the same bytes again are fine."""
        self._create(name, lambda: [data])

    def upload(self, name: str, source: Path, sha256: str, on_bytes: OnBytes = silent) -> None:
        """Publish a file from disk once, as ``create`` does."""
        self._create(name, lambda: _expected(files.chunks_of(source, on_bytes), sha256, source))

    def replace(self, name: str, data: bytes, expected: bytes | None) -> None:
        """Replace a file that is still ``expected`` (None: does not exist yet)."""
        path = self._path(name)
        with _reachable(self.location), self._locked():
            if self.read(name) != expected:
                raise ConflictError(f"{name} changed in {self.location} while this was published", AGAIN)
            files.open_folder(path.parent)
            files.write(path, data)

    def remove(self, name: str) -> None:
        """Remove a file that nobody needs; one that is gone already is fine."""
        with _reachable(self.location):
            self._path(name).unlink(missing_ok=True)

    def ahead(self) -> timedelta:
        """Return how far this machine's clock is ahead of the one that dates files there.

        They differ on network file systems alone.
        """
        with _reachable(self.location):
            files.open_folder(self.folder)
            with tempfile.NamedTemporaryFile(prefix=".clock-", dir=self.folder) as file:
                dated = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
                return datetime.now(UTC) - dated

    def _create(self, name: str, content: Callable[[], Iterable[bytes]]) -> None:
        path = self._path(name)
        with _reachable(self.location):
            if not path.exists():
                files.open_folder(path.parent)
                try:
                    return files.create(path, content())
                except FileExistsError:
                    pass  # somebody was faster: compare, as below
            if _digest(files.chunks_of(path)) != _digest(content()):
                raise ConflictError(
                    f"{name} is already published with other content in {self.location}", AGAIN
                )
        return None

    def _path(self, name: str) -> Path:
        return self.folder / safe_path(name)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        files.open_folder(self.folder)
        with (self.folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _content(path: str) -> bytes:
    """Return what a file holds; an audit reads thousands, so that each is four system calls."""
    file = os.open(path, os.O_RDONLY)
    try:
        blocks = []
        while block := os.read(file, _BLOCK_BYTES):
            blocks.append(block)
        return b"".join(blocks)
    finally:
        os.close(file)


def _item(name: str, found: os.stat_result) -> Item:
    at = datetime.fromtimestamp(found.st_mtime, UTC)
    return Item(name, found.st_size, at, f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}")


@contextmanager
def _reachable(location: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(location, error) from error


def _unusable(location: str, error: OSError) -> UnreachableError:
    reason = error.strerror or str(error)
    if error.filename is not None:  # a write that failed does not know what it wrote to
        reason += f": {error.filename}"
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    hint = "make room there, and do it again" if full else "check the path and its permissions"
    return UnreachableError(f"the store {location} cannot be used: {reason}", hint)


def _expected(chunks: Iterable[bytes], digest: str, source: Path) -> Iterator[bytes]:
    hashed = sha256()
    for chunk in chunks:
        hashed.update(chunk)
        yield chunk
    if hashed.hexdigest() != digest:
        raise not_signed(source)


def not_signed(source: Path) -> UntrustedError:
    """Return the error for a file that is about to be published and is not what was signed."""
    hint = "it was damaged or changed after it was staged: add the release again"
    return UntrustedError(f"{source} is not what was signed", hint)


def _digest(chunks: Iterable[bytes]) -> bytes:
    hashed = sha256()
    for chunk in chunks:
        hashed.update(chunk)
    return hashed.digest()
