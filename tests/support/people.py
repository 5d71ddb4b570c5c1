"""People who each have their own machine: a workspace that travels, and keys that do not."""

import shutil
from pathlib import Path

from tests.support.workspace import Workspace


class Person(Workspace):
    """Somebody with a key folder and a copy of the workspace; the store is shared."""

    def __init__(self, base: Path, name: str, store: Path) -> None:
        super().__init__(base / name)
        self.name = name
        self.store = store
        self.base.mkdir(exist_ok=True)

    def key(self, name: str, *options: str) -> Path:
        """Make a key, and return the file with its public part that travels."""
        public = self.base / f"{name}.json"
        self.do("key", "new", name, "--no-passphrase", *options)
        self.do("key", "export", name, "--out", public)
        return public

    def receive(self, sender: Workspace, *, only: str = "") -> None:
        """Copy what somebody prepared over what is here, as ``cp -r`` or a merge does; nothing is removed."""
        shutil.copytree(sender.folder / only, self.folder / only, dirs_exist_ok=True)


def team(base: Path, *names: str) -> list[Person]:
    """Return people who share a store."""
    return [Person(base, name, base / "store") for name in names]
