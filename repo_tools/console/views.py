"""The pages, live: the dashboard's own, rendered when there is news, and one more from which to steer."""

import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from repo_tools.desk import Desk
from repo_tools.pages import site
from repo_tools.pages.model import Model
from repo_tools.pages.site import Site
from repo_tools.rollouts.state import Catalog

STEER = "/steer"


@dataclass(frozen=True)
class File:
    """What a browser gets."""

    data: bytes
    kind: str


class Views:
    """The pages of one workspace.

    Args:
        desk: Gives a fresh desk.
        lake: What was collected.
    """

    def __init__(self, desk: Callable[[], Desk], lake: Path) -> None:
        self._desk = desk
        self._lake = lake
        self._kept: tuple[object, Model, Site] | None = None
        self._turn = Lock()

    def file(self, path: str) -> File | None:
        """Return what stands at a path; None where nothing does.

        Args:
            path: Without the slash before it.
        """
        _, found = self._made()
        files = {"": found.index, "status.json": found.status, **found.once}
        if path in files:
            return File(files[path], mimetypes.guess_type(path)[0] or "text/html")
        evidence = self._desk().store.read(f"status/{path}") if path.startswith("evidence/") else None
        return File(evidence, "application/json") if evidence else None

    def newest(self, path: str) -> str | None:
        """Return where a page of an older build stands now; None where it is no such page."""
        head, _, name = path.rpartition("/")
        _, found = self._made()
        now = f"builds/{found.build}/{name}"
        return f"/{now}" if head.startswith("builds/") and now in found.once else None

    def steer(self, staged: Mapping[str, Any]) -> bytes:
        """Return the page from which to steer.

        Args:
            staged: What ``tidegate status`` says.
        """
        desk = self._desk()
        model, found = self._made()
        versions = [
            version
            for product in dict.fromkeys(channel.product for channel in desk.channels())
            for version in _newest_first(Catalog(desk, product))
        ]
        return site.steering(model, found.build, {"staged": staged, "versions": versions})

    def _made(self) -> tuple[Model, Site]:
        """Return the pages, made anew only when something was published or collected."""
        with self._turn:
            desk = self._desk()
            news = (desk.live.version("timestamp"), self._collected())
            if self._kept is None or self._kept[0] != news:
                model = site.gather(desk, self._lake, full=True)
                self._kept = (news, model, site.rendered(model, desk.now, steer=STEER))
            return self._kept[1], self._kept[2]

    def _collected(self) -> int:
        try:
            return max((path.stat().st_mtime_ns for path in self._lake.iterdir()), default=0)
        except OSError:
            return 0


def _newest_first(catalog: Catalog) -> list[str]:
    return sorted(catalog.versions, key=lambda version: -catalog.release(version).seq)
