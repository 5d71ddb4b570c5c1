"""python-tuf's own client, with a cache that it keeps: what any other TUF client would see."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater


class Client:
    """One client that polls a repository again and again."""

    def __init__(self, folder: Path, url: str, root: Path) -> None:
        self.folder = folder
        self.url = url
        self.root = root.read_bytes()
        folder.mkdir()

    def poll(self, path: str = "") -> str | None:
        """Refresh, look a target up, and return its digest.

        Raises:
            RepositoryError: The repository cannot be trusted.
        """
        updater = Updater(
            metadata_dir=str(self.folder), metadata_base_url=f"{self.url}/metadata/", bootstrap=self.root
        )
        updater.refresh()
        found = updater.get_targetinfo(path) if path else None
        return found.hashes["sha256"] if found else None

    def trusts(self, path: str = "") -> bool:
        """Return whether a poll succeeds."""
        try:
            self.poll(path)
        except (RepositoryError, DownloadError):
            return False
        return True


@contextmanager
def polling(client: Client, path: str) -> Iterator[list[bool]]:
    """Let a client poll without a pause while something goes on; yields whether each poll succeeded."""
    polls: list[bool] = []
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            polls.append(client.trusts(path))

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield polls
    finally:
        over.set()
        thread.join()
