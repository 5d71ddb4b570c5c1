"""Which archive entries may become files on a host; packing and unpacking ask the same question.

Refused: names that leave the tree or cannot be shown, devices and pipes, set-uid and set-gid bits, links out
of the tree, anything below a link, hard links to what was not packed before, duplicate names, names that
differ only in case or in how accents are spelled (one of them would be lost on some file systems), and more
files or bytes than a host should be asked for.
"""

import posixpath
import stat
import unicodedata
from dataclasses import dataclass
from typing import Literal

from metadata.errors import MalformedError
from metadata.paths import safe_path

MAX_ENTRIES = 200_000
"""Far above any real agent; below what exhausts a small host's inodes."""
MAX_UNPACKED_BYTES = 1 << 33
"""8 GiB: far above any real agent; an archive of some kilobytes can ask for as much."""
SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX

Kind = Literal["file", "folder", "symlink", "hardlink", "other"]


@dataclass(frozen=True)
class Entry:
    """One member of an archive, before anything is written."""

    name: str
    kind: Kind
    mode: int = 0o644
    target: str = ""
    """Where a link points, as it stands in the archive."""
    size: int = 0
    """Bytes of content that it would have."""


class Manifest:
    """The entries admitted so far; they only make sense together."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._folded: set[str] = set()
        self._left = MAX_UNPACKED_BYTES

    def admit(self, entry: Entry) -> str:
        """Return the entry's path in normal form, relative to the tree.

        Raises:
            MalformedError: The entry must not become a file.
        """
        try:
            name = safe_path(entry.name.removeprefix("./").rstrip("/") or ".")
        except ValueError as error:
            raise refusal(entry, str(error)) from error
        if entry.kind == "other":
            raise refusal(entry, "is neither file, folder nor link")
        if entry.mode & SPECIAL_BITS:
            raise refusal(entry, "has set-uid, set-gid or sticky bits")
        self._check_parents(entry, name)
        self._check_link(entry, name)
        self._check_size(entry)
        self._remember(entry, name)
        return name

    def _check_parents(self, entry: Entry, name: str) -> None:
        parent = posixpath.dirname(name)
        while parent:
            if self._kinds.get(parent, "folder") != "folder":
                raise refusal(entry, f"lies below {parent!r}, which is no folder")
            parent = posixpath.dirname(parent)

    def _check_link(self, entry: Entry, name: str) -> None:
        if entry.kind == "hardlink" and self._kinds.get(entry.target.removeprefix("./")) != "file":
            raise refusal(entry, f"is a hard link to {entry.target!r}, which was not packed before")
        if entry.kind != "symlink":
            return
        if not entry.target or entry.target.startswith("/") or not entry.target.isprintable():
            raise refusal(entry, f"links to {entry.target!r}")
        parts = [part for part in entry.target.split("/") if part not in {"", "."}]
        climbs = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
        if ".." in parts[climbs:] or climbs > name.count("/"):
            raise refusal(entry, f"links out of the tree, to {entry.target!r}")

    def _check_size(self, entry: Entry) -> None:
        if entry.size < 0:
            raise refusal(entry, "has less than no content")
        self._left -= entry.size
        if self._left < 0:
            raise MalformedError(
                "it unpacks to more than 8 GiB", "a release of that size fills a host's disk"
            )

    def _remember(self, entry: Entry, name: str) -> None:
        folded = name if name.isascii() else unicodedata.normalize("NFC", name)
        folded = folded.casefold()
        if name in self._kinds and not (entry.kind == self._kinds[name] == "folder"):
            raise refusal(entry, "stands twice")
        if name not in self._kinds and folded in self._folded:
            raise refusal(entry, "differs from another name only in case or accents")
        self._kinds[name] = entry.kind
        self._folded.add(folded)
        parent = posixpath.dirname(name)
        if parent and parent not in self._kinds:  # many archives leave folders out; extraction makes them
            self._remember(Entry(parent, "folder"), parent)
        if len(self._kinds) > MAX_ENTRIES:
            raise MalformedError(f"more than {MAX_ENTRIES:,} files", "pack fewer, larger files")


def refusal(entry: Entry, reason: str) -> MalformedError:
    """Return the error that says why an entry is not admitted."""
    return MalformedError(f"{entry.name!r} {reason}", "a release holds plain files, folders and inner links")
