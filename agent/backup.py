"""Copies of the product's configuration: taken before a switch, put back only when a trial goes back.

A place that is a link is kept together with what stands behind it, since a version may change either; links
further inside are kept as links alone. A file is put back when it differs from its copy and nobody else
touched it since the new version had started; what stood there is kept beside the copy. Copies keep everything
about a file and are private themselves. Putting back does what it can: one file that cannot be written keeps
no other from its place.

Standard library only: the guard imports this.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agent import copies, files, plain, trees

INDEX = "index.json"
FRESH = ".tidegate"
"""How the name of a file ends that is about to take its place; one that a power cut left is nobody's."""


class Restored(NamedTuple):
    """What became of the configuration on the way back, by path."""

    back: list[str]
    left: list[str]
    """Left alone, because somebody else changed it since."""
    failed: list[str]
    """Could not be put back, each with its reason."""

    def text(self) -> str:
        """Return it in words, empty when nothing had changed: names of files, never what is in them."""
        parts = [f"could not restore {', '.join(self.failed)}"] if self.failed else []  # first: lines are cut
        parts += [f"restored {', '.join(self.back)}"] if self.back else []
        parts += [f"left {', '.join(self.left)}: somebody changed it since"] if self.left else []
        return "; ".join(parts)


class Backup:
    """One backup, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, places: list[str]) -> None:
        """Copy files and folders; a backup that is complete is left as it is."""
        if (self.folder / INDEX).exists():
            return
        trees.remove(self.folder)
        self.folder.mkdir(parents=True, mode=0o700)
        folders: dict[str, Any] = {}
        copied: dict[tuple[int, int], Path] = {}
        places = _followed(places)  # as links lead now: a way back must not go where a new version led them
        taken = _digests(places)
        for path in map(Path, taken):
            if _is_folder(path):
                folders[str(path)] = copies.facts(path)
            else:
                self._keep(path, copied)
        trees.sync_tree(self.folder)
        self._write({"places": places, "taken": taken, "folders": folders})

    def wanted_bytes(self, places: list[str]) -> int:
        """Return how much room the copies need that are not taken yet."""
        if (self.folder / INDEX).exists():
            return 0
        paths = {*_paths(_followed(places))}
        return sum(path.lstat().st_size for path in paths if not _is_folder(path))

    def _keep(self, path: Path, copied: dict[tuple[int, int], Path]) -> None:
        """Copy one file; names of one file are names of one copy, too."""
        kept, about = self._copy_of(path), path.lstat()
        kept.parent.mkdir(parents=True, exist_ok=True)
        first = copied.setdefault((about.st_dev, about.st_ino), kept)
        if first is kept:
            copies.copy(path, kept)
        else:
            kept.hardlink_to(first)

    def note_start(self) -> None:
        """Note what the files look like now that the new version has started and may have changed them."""
        if (self.folder / INDEX).exists() and "started" not in (index := self.index()):
            self._write({**index, "started": _digests(index["places"])})

    def restore(self) -> Restored:
        """Put back what nobody else changed; safe to repeat."""
        found = Restored([], [], [])
        if not (self.folder / INDEX).exists():
            return found
        try:
            index = self.index()
            present, taken = _digests(index["places"]), index["taken"]
        except (OSError, ValueError, KeyError) as error:
            found.failed.append(f"anything: {error!r}")
            return found
        started = index.get("started", present)
        for name in _order(present, taken):
            if present.get(name) != started.get(name):
                found.left.append(name)
                continue
            reason = self._tried(Path(name), index) and self._tried(Path(name), index)
            found.failed.append(f"{name}: {reason}") if reason else found.back.append(name)
        return found

    def _tried(self, path: Path, index: dict[str, Any]) -> str:
        """Put a file back and return why that failed; empty when it did not."""
        try:
            self._put_back(path, index)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _put_back(self, path: Path, index: dict[str, Any]) -> None:
        folder = index["folders"].get(str(path))
        self._set_aside(path)
        if _is_folder(path) and folder is None:
            path.rmdir()
        elif not _is_folder(path) and (folder or str(path) not in index["taken"]):
            path.unlink(missing_ok=True)
        if folder:
            path.mkdir(mode=0o700, exist_ok=True)
            copies.describe(path, folder)
        elif str(path) in index["taken"]:
            fresh = path.with_name(f".{path.name}{FRESH}")
            self._make(path, fresh, index["taken"])
            fresh.replace(path)
        files.sync_folder(path.parent)

    def _set_aside(self, path: Path) -> None:
        """Keep a copy of the file that stands there; a full disk must not keep the old one from its place."""
        kept = self.folder / "replaced" / str(path).lstrip("/")
        if path.is_symlink() or path.is_file():
            with contextlib.suppress(OSError):
                kept.parent.mkdir(parents=True, exist_ok=True)
                copies.copy(path, kept)

    def _make(self, path: Path, fresh: Path, taken: dict[str, str]) -> None:
        """Make a file anew, or as another name of the one that it was a name of and that is right again."""
        kept = self._copy_of(path)
        fresh.unlink(missing_ok=True)
        for other in map(Path, taken) if kept.lstat().st_nlink > 1 else ():
            with contextlib.suppress(OSError):  # one that is not right yet becomes a name of this one later
                same = other != path and os.path.samestat(self._copy_of(other).lstat(), kept.lstat())
                if same and copies.digest(other) == taken[str(other)]:
                    fresh.hardlink_to(other)
                    return
        copies.copy(kept, fresh)

    def _copy_of(self, path: Path) -> Path:
        return self.folder / "files" / str(path).lstrip("/")

    def index(self) -> dict[str, Any]:
        """Return what was noted of the copies.

        Raises:
            ValueError: It makes no sense.
        """
        kinds = {"places": list, "taken": dict, "folders": dict, "started": dict}
        index = plain.table((self.folder / INDEX).read_bytes(), kinds)
        plain.texts(index["places"])
        plain.texts([*index["taken"].values(), *index.get("started", {}).values()])
        return index

    def _write(self, index: dict[str, Any]) -> None:
        files.write(self.folder / INDEX, json.dumps(index).encode())


def _order(present: dict[str, str], taken: dict[str, str]) -> list[str]:
    """Return what changed: additions, the innermost first, so that folders are empty; then what was there."""
    changed = sorted(name for name in present.keys() | taken.keys() if present.get(name) != taken.get(name))
    added = [name for name in changed if name not in taken]
    return added[::-1] + [name for name in changed if name in taken]


def _followed(places: list[str]) -> list[str]:
    """Return places and what stands behind those that are links, link by link, each once by its real name."""
    found: dict[str, None] = {}
    for place in places:
        path = _real_name(Path(place))
        while str(path) not in found:
            found[str(path)] = None
            if path.is_symlink():
                path = _real_name(path.parent / path.readlink())
    return list(found)


def _real_name(path: Path) -> Path:
    """Return the one name of a file or link that leads through no link."""
    return Path(os.path.normpath(Path(os.path.realpath(path.parent), path.name)))


def _digests(places: list[str]) -> dict[str, str]:
    return {str(path): copies.digest(path) for path in _paths(places)}


def _paths(places: list[str]) -> Iterator[Path]:
    """Yield every file, link and folder, a folder before what is in it; sockets and the like are left out."""
    for place in map(Path, places):
        if place.is_symlink() or place.is_file():
            yield place
        elif place.is_dir():
            yield place
            for parent, folders, names in os.walk(place):  # does not follow links
                for path in (Path(parent, name) for name in sorted(folders + names)):
                    if _is_kept(path):
                        yield path


def _is_kept(path: Path) -> bool:
    if path.name.startswith(".") and path.suffix == FRESH:
        return False
    return path.is_symlink() or path.is_file() or path.is_dir()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
