"""What a server gives of a repository: what is published, what was published once, or nothing."""

import shutil
from pathlib import Path


class Served:
    """One place where a host finds a repository."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder = folder
        self.given: int | None = None
        """Which publication it gives; None where it gives nothing."""
        self._store = store
        self._place = folder / "metadata"
        folder.mkdir()
        (folder / "targets").symlink_to(store / "targets")

    @property
    def follows(self) -> bool:
        """Whether it gives whatever is published."""
        return self._place.is_symlink()

    def heal(self, newest: int) -> None:
        """Give what is published, from here on."""
        self.cut()
        self._place.symlink_to(self._store / "metadata")
        self.given = newest

    def cut(self) -> None:
        """Give nothing."""
        if self.follows:
            self._place.unlink()
        else:
            shutil.rmtree(self._place, ignore_errors=True)
        self.given = None

    def freeze(self, number: int, timestamp: Path) -> None:
        """Give a publication from here on, by its own good signatures."""
        self.cut()
        shutil.copytree(self._store / "metadata", self._place)
        shutil.copy(timestamp, self._place / "timestamp.json")
        self.given = number
