"""Copies of the product's configuration: taken before a switch, put back only when a trial goes back.

A file is put back when it differs from its copy and nobody else touched it since the new version had
started; what stood there is kept beside the copy. Copies keep owner, mode and times, and are private.
Standard library only: the guard imports this.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from agent import files, trees

INDEX = "index.json"


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
        for path in _files(places):
            _copy(path, self._copy_of(path))
        trees.sync_tree(self.folder)
        self._write("places", places)

    def note_start(self) -> None:
        """Note what the files look like now that the new version has started and may have changed them."""
        if (self.folder / INDEX).exists() and "started" not in self._index():
            self._write("started", _digests(self._index()["places"]))

    def restore(self) -> tuple[list[str], list[str]]:
        """Put files back; return the paths restored, and those left alone because somebody changed them."""
        if not (self.folder / INDEX).exists():
            return [], []
        index = self._index()
        started = index.get("started")
        present = _digests(index["places"])
        copies = {
            f"/{path.relative_to(self.folder / 'files')}": path for path in _below(self.folder / "files")
        }
        restored, left = [], []
        for name in sorted(copies.keys() | present.keys()):
            wanted = _digest(copies[name]) if name in copies else None
            if present.get(name) == wanted:
                continue
            if started is not None and present.get(name) != started.get(name):
                left.append(name)
                continue
            self._put_back(Path(name), copies.get(name))
            restored.append(name)
        return restored, left

    def _put_back(self, path: Path, copy: Path | None) -> None:
        if path.is_symlink() or path.exists():
            _copy(path, self.folder / "replaced" / str(path).lstrip("/"))
        if copy is None:
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.tidegate")
        _copy(copy, fresh)
        fresh.replace(path)
        files.sync_folder(path.parent)

    def _copy_of(self, path: Path) -> Path:
        return self.folder / "files" / str(path).lstrip("/")

    def _index(self) -> dict[str, dict[str, str]]:
        index: dict[str, dict[str, str]] = json.loads((self.folder / INDEX).read_bytes())
        return index

    def _write(self, key: str, value: object) -> None:
        index = self._index() if (self.folder / INDEX).exists() else {}
        files.write(self.folder / INDEX, json.dumps({**index, key: value}).encode())


def _files(places: list[str]) -> Iterator[Path]:
    for place in map(Path, places):
        yield from [place] if place.is_symlink() or place.is_file() else _below(place)


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):  # does not follow links
        for path in (Path(parent, name) for name in sorted(folders + names)):
            if path.is_symlink() or path.is_file():
                yield path


def _digests(places: list[str] | dict[str, str]) -> dict[str, str]:
    return {str(path): _digest(path) for path in _files(list(places))}


def _digest(path: Path) -> str:
    """Return what tells a file's content, mode and owner from another's."""
    about = path.lstat()
    facts = f"{about.st_mode}/{about.st_uid}/{about.st_gid}/".encode()
    data = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
    return hashlib.sha256(facts + data).hexdigest()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
    about = source.lstat()
    os.chown(target, about.st_uid, about.st_gid, follow_symlinks=False)
