"""Where versions live on disk: ``versions/<version>/``, ``current`` and ``previous``.

A switch is one rename of a link; going back needs only the old folder and the link.
"""

from pathlib import Path

from agent import files, trees
from metadata.errors import UnsuitableError

STAGING = ".staging-"


class Slots:
    """The folder of one product."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions = folder / "versions"

    @property
    def current(self) -> Path:
        """The link to the version that runs."""
        return self.folder / "current"

    @property
    def mark(self) -> str:
        """What marks the commands that are run for this product alone."""
        return str(self.folder.absolute())

    @property
    def previous(self) -> Path:
        """The link to the version that ran before."""
        return self.folder / "previous"

    def running(self) -> str | None:
        """Return the version that ``current`` names and that is really there.

        Raises:
            UnsuitableError: Somebody pointed the link elsewhere.
        """
        return self._named(self.current)

    def before(self) -> str | None:
        """Return the version that ``previous`` names and that is really there."""
        return self._named(self.previous)

    def settled(self) -> str | None:
        """Return the version that was kept last, which guards and judges: of the updater alone."""
        return self._named(self.folder / "settled")

    def _named(self, link: Path) -> str | None:
        if not link.is_symlink() or not link.is_dir():
            return None
        target = link.readlink()
        if target.parent != Path("versions"):
            anew = "remove the link; the next tick installs the product anew in place of what runs"
            hint = f"point it back: ln -sfn versions/VERSION {link}; or {anew}"
            raise UnsuitableError(f"{link} points to {target}, which is no version", hint)
        return target.name

    def slot(self, version: str) -> Path:
        """Return a version's folder, whether it exists or not."""
        return files.inside(self.versions, version)

    def has(self, version: str) -> bool:
        """Return whether a version is completely there: it gets its name last."""
        return self.slot(version).is_dir()

    def staging(self, version: str) -> Path:
        """Return an empty private folder in which a version is unpacked."""
        self.clear_staging(version)
        folder = self.versions / f"{STAGING}{version}"
        folder.mkdir(parents=True, mode=0o755)
        return folder

    def clear_staging(self, version: str) -> None:
        """Remove what was unpacked of a version that did not come to its name."""
        trees.remove(self.versions / f"{STAGING}{version}")

    def settle(self, version: str) -> None:
        """Give a staged version its name, once all of it is on the disk.

        A link to nothing goes first: it may name this version, which has not been started yet.
        """
        staged = self.versions / f"{STAGING}{version}"
        trees.sync_tree(staged)
        if self.current.is_symlink() and not self.current.exists():
            self.leave()
        trees.remove(self.slot(version))
        staged.rename(self.slot(version))
        files.sync_folder(self.versions)

    def switch(self, version: str) -> None:
        """Make ``version`` the current one, and what was current the previous one; safe to repeat."""
        running = self.running()
        if running == version:
            return
        if running is not None:
            files.point(self.previous, f"versions/{running}")
        files.point(self.current, f"versions/{version}")

    def switch_back(self, version: str, previous: str | None) -> None:
        """Undo a switch: ``version`` is current again, with ``previous`` as the way back from it.

        Nothing is written where that is so already: a disk that takes nothing any more is no obstacle then.
        """
        if (self.running(), self.before()) == (version, previous):
            return
        files.point(self.current, f"versions/{version}")
        if previous is not None:
            files.point(self.previous, f"versions/{previous}")
        else:
            self.previous.unlink(missing_ok=True)
            files.sync_folder(self.folder)

    def forget_before(self) -> None:
        """Leave no way back: what ran before must not run again."""
        self.previous.unlink(missing_ok=True)
        files.sync_folder(self.folder)

    def leave(self) -> None:
        """Remove the product: nothing is current any more."""
        self.current.unlink(missing_ok=True)
        files.sync_folder(self.folder)

    def prune(self, keep: set[str]) -> list[str]:
        """Remove versions that are neither current, previous, settled nor in ``keep``; return their names."""
        wanted = keep | {name for name in (self.running(), self.before(), self.settled()) if name}
        gone = [entry for entry in sorted(self.versions.glob("*")) if entry.name not in wanted]
        gone += [entry for entry in self.versions.glob(".*") if entry.name.startswith(STAGING)]
        for entry in gone:
            trees.remove(entry)
        return [entry.name for entry in gone]
