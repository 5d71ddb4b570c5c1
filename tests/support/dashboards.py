"""A fleet that is worth looking at: a rollout in canary, with a host that failed and one that fell silent."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.chorus import BACK, SWITCHED, WELL
from tests.support.collection import Collection
from tests.support.wave import Underway
from tests.support.workspace import Workspace

LOG = "Traceback (most recent call last):\nConnectionRefusedError: [Errno 111] Connection refused"
SITE = "fra1"


def page(folder: Path, name: str) -> str:
    """Return a page of the newest build of a dashboard."""
    build = str(json.loads((folder / "status.json").read_text())["build"])
    return (folder / "builds" / build / name).read_text()


class Seen:
    """A rollout, what its hosts said, and the dashboard that shows it."""

    def __init__(self, place: Path) -> None:
        (place / "box").mkdir()
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
        self.repo = Workspace(place)
        self.rollout = Underway(
            Collection(self.repo, place / "box"), start, "--strategy", "gated", "--reason", "July release"
        )
        self.canary = self.rollout.join("canary", 6)
        others = self.rollout.join("full", 20)
        self.rollout.tell(
            others, {"stage": "heartbeat"}, rollout=None, running="1.4.2", after=timedelta(days=2)
        )
        well, failed, silent = self.canary[:4], self.canary[4:5], self.canary[5:]
        again: dict[str, Any] = {"after": timedelta(days=2), "rollout": None}
        self.rollout.tell(well, *WELL, running="1.5.0")
        self.rollout.tell(well, {"stage": "heartbeat"}, running="1.5.0", **again)
        self.rollout.tell(failed, *BACK, running="1.4.2", detail=LOG, labels={"site": SITE})
        self.rollout.tell(silent, *SWITCHED, running="1.5.0")

    @property
    def status(self) -> Path:
        """Where the site is."""
        return self.repo.store / "status"

    def build(self, *options: str) -> Any:
        """Collect, and build the dashboard."""
        self.rollout.collection.collect()
        return self.repo.do("dashboard", "build", *options)

    def texts(self) -> dict[str, str]:
        """Return every file of the site, by its name."""
        return {
            str(path.relative_to(self.status)): path.read_text()
            for path in sorted(self.status.rglob("*"))
            if path.is_file()
        }
