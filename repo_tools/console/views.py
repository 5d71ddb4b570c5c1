"""The pages, live: the dashboard's own, rendered when there is news, and one more from which to steer."""

import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from metadata.errors import MalformedError
from repo_tools.desk import Desk
from repo_tools.pages import site
from repo_tools.pages.model import Model
from repo_tools.pages.site import Site
from repo_tools.rollouts.state import Catalog


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
        self._prefix = "/"
        self._desk = desk
        self._lake = lake
        self._kept: tuple[object, Model, Site] | None = None
        self._turn = Lock()

    def below(self, prefix: str) -> "Views":
        """Let every address begin with a prefix, such as ``/secret/``."""
        self._prefix = prefix
        return self

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
        return f"../{found.build}/{name}" if head.startswith("builds/") and now in found.once else None

    def steer(self, staged: Mapping[str, Any]) -> bytes:
        """Return the page from which to steer.

        Args:
            staged: What ``tidegate status`` says.
        """
        desk = self._desk()
        model, build = self._looked_at()
        versions = [
            version
            for product in dict.fromkeys(channel.product for channel in desk.channels())
            for version in _newest_first(Catalog(desk, product))
        ]
        return site.steering(model, build, self._prefix, staged=staged, versions=versions)

    def _looked_at(self) -> tuple[Model, str]:
        """Return the model and its build; a damaged lake does not take the brake away."""
        try:
            model, found = self._made()
        except MalformedError:
            return site.gather(self._desk(), self._lake / "none", full=False), ""
        return model, found.build

    def _made(self) -> tuple[Model, Site]:
        """Return the pages, made anew only when something was published or collected."""
        with self._turn:
            desk = self._desk()
            news = (desk.live.version("timestamp"), self._collected())
            if self._kept is None or self._kept[0] != news:
                model = site.gather(desk, self._lake, full=True)
                self._kept = (news, model, site.rendered(model, desk.now, steer=f"{self._prefix}steer"))
            return self._kept[1], self._kept[2]

    def _collected(self) -> int:
        try:
            return max((path.stat().st_mtime_ns for path in self._lake.iterdir()), default=0)
        except OSError:
            return 0


def _newest_first(catalog: Catalog) -> list[str]:
    return sorted(catalog.versions, key=lambda version: -catalog.release(version).seq)
