"""A publisher that is killed: ``python -m tests.support.dying WORKSPACE KEYS NOW CALLS``.

It publishes what is staged and ends itself with SIGKILL before the store's call of that number; with fewer
calls it ends as a publisher does.
"""

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from repo_tools.desk import Desk
from repo_tools.keys.folder import KeyFolder
from repo_tools.keys.passphrase import Passphrases
from repo_tools.publishing import publish
from repo_tools.workspace import Workspace

CALLS = {"read", "read_signed", "has", "create", "upload", "replace"}


class Mortal:
    """A store whose user dies at one of the calls."""

    def __init__(self, inner: Any, left: int) -> None:
        self._inner = inner
        self._left = left

    def __getattr__(self, name: str) -> Any:
        """Count the calls that go to the store."""
        if name in CALLS:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self._inner, name)


def main() -> None:
    """Publish, or die."""
    folder, keys, now, calls = sys.argv[1:]
    desk = Desk(
        Workspace.open(Path(folder)), KeyFolder(Path(keys)), Passphrases(), datetime.fromisoformat(now)
    )
    desk.store = Mortal(desk.store, int(calls))
    publication = publish.prepare(desk)
    publish.publish(desk, publication, publish.sealed(desk, publication))


if __name__ == "__main__":
    main()
