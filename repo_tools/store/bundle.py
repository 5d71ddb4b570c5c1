"""A store in one file, to be carried: a plain tar, its files in publishing order, the timestamp last."""

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from metadata.errors import MalformedError, UntrustedError, UsageError
from metadata.paths import safe_path
from repo_tools import files
from repo_tools.files import OnBytes, silent
from repo_tools.store.base import Item


@dataclass(frozen=True)
class Bundle:
    """The files of a bundle, read in place."""

    path: Path
    members: Mapping[str, tarfile.TarInfo]

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Return a bundle; nothing in it is believed yet.

        Raises:
            UsageError: There is no such file.
            MalformedError: It is no bundle.
        """
        try:
            with tarfile.open(path, "r:") as tar:
                members = {safe_path(one.name): one for one in tar if one.isfile()}
        except FileNotFoundError as error:
            raise UsageError(f"no bundle at {path}", "tidegate bundle export makes one") from error
        except (OSError, tarfile.TarError, ValueError) as error:
            raise MalformedError(f"{path} is no bundle: {error}", "carry it over once more") from error
        return cls(path, members)

    @property
    def location(self) -> str:
        """The bundle's path."""
        return str(self.path)

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there is none."""
        return b"".join(self.stream(name)) if name in self.members else None

    def has(self, name: str) -> bool:
        """Return whether a file is in it."""
        return name in self.members

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a large file's content."""
        member = self.members.get(name)
        if member is None:
            raise UntrustedError(f"{name} is missing in {self.path}", "carry it over once more")
        with self.path.open("rb") as file:
            file.seek(member.offset_data)
            left = member.size
            while left and (chunk := file.read(min(left, files.CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk

    def items(self) -> Iterator[Item]:
        """Yield every file in it."""
        for name, member in self.members.items():
            yield Item(name, member.size, datetime.fromtimestamp(member.mtime, UTC))

    def create(self, name: str, data: bytes) -> None:
        """Refuse: a bundle is written once, by an export."""
        del data
        raise UsageError(f"{self.path} is a bundle: {name} cannot be published there", "export it again")

    def upload(self, name: str, source: Path, sha256: str, on_bytes: OnBytes = silent) -> None:
        """Refuse, as ``create`` does."""
        del source, sha256, on_bytes
        self.create(name, b"")

    def replace(self, name: str, data: bytes, expected: bytes | None) -> None:
        """Refuse, as ``create`` does."""
        del expected
        self.create(name, data)
