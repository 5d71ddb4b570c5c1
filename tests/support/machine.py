"""A host with a machine id of its own, and copies of its disk that are other machines."""

import shutil
from pathlib import Path
from typing import Self
from uuid import uuid4

from tests.support.host import Host

ENTER = 'mount --bind "$1" /etc/machine-id && shift && exec "$@"'


class Machine(Host):
    """A host that sees its own ``/etc/machine-id``; needs root."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.machine_id = folder / "machine-id"
        self.machine_id.write_text(f"{uuid4().hex}\n")

    def module(self, *arguments: str) -> list[str]:
        """Return a command line that runs in a mount namespace of this machine."""
        enter = ["unshare", "--mount", "sh", "-c", ENTER, "sh", str(self.machine_id)]
        return [*enter, *super().module(*arguments)]

    def copied(self, folder: Path) -> Self:
        """Return another machine that was started from an image of this one's disk."""
        copy = type(self)(folder)
        shutil.copytree(self.state, copy.state, symlinks=True)
        if self.root.exists():
            shutil.copytree(self.root, copy.root, symlinks=True)
        return copy
