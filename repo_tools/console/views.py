"""The pages, live: the dashboard's own, rendered when there is news, and one more from which to steer."""

import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from metadata.errors import MalformedError
from repo_tools.console.standing import standings
from repo_tools.desk import Desk
from repo_tools.pages import foretelling, hosts, render, site
from repo_tools.pages.heard import Heard, Kept, opened
from repo_tools.pages.hostmodel import Asked
from repo_tools.pages.model import Model
from repo_tools.pages.rollout import live_orders
from repo_tools.pages.site import Site
from repo_tools.rollouts.state import Catalog, State, read_state

FRESH = timedelta(minutes=1)
"""How long pages are good where nothing came."""
BREAK = 20
"""Pages of a large fleet take long to make; so many times that long they are good at least."""

_EVIDENCE = re.compile(r"evidence/[a-z0-9-]+\.json")
"""Nothing else is asked of the store."""


@dataclass(frozen=True)
class File:
    """What a browser gets."""

    data: bytes
    kind: str


@dataclass(frozen=True)
class _Kept:
    """Pages that were made."""

    news: object
    """What was live and collected then."""
    until: datetime
    """When they are made anew anyhow: who is silent, and which wave is open, is a matter of time."""
    model: Model
    site: Site


class Views:
    """The pages of one workspace.

    Args:
        desk: Gives a fresh desk.
        lake: What was collected.
        on_page: How many hosts stand on a page of a list.
    """

    def __init__(self, desk: Callable[[], Desk], lake: Path, on_page: int = hosts.ON_PAGE) -> None:
        self._on_page = on_page
        self._prefix = "/"
        self._desk = desk
        self._lake = lake
        self._kept: _Kept | None = None
        self._answers: tuple[object, Kept] = (None, {})
        self._turn = Lock()

    def below(self, prefix: str) -> "Views":
        """Let every address begin with a prefix, such as ``/room/``."""
        self._prefix = prefix
        return self

    def file(self, path: str) -> File | None:
        """Return what stands at a path; None where nothing does.

        Args:
            path: Without the slash before it.
        """
        assets = {f"assets/{name}": data for name, data in render.assets(steering=True).items()}
        if path in assets:  # whatever cannot be read: pages that say so need them, too
            return File(assets[path], mimetypes.guess_type(path)[0] or "application/octet-stream")
        _, found = self._made()
        files = {"": found.index, "status.json": found.status, **found.once}
        if path in files:
            return File(files[path], mimetypes.guess_type(path)[0] or "text/html")
        evidence = self._desk().store.read(f"status/{path}") if _EVIDENCE.fullmatch(path) else None
        return File(evidence, "application/json") if evidence else None

    def problem(self, notes: Sequence[str]) -> bytes:
        """Return the page that says why another one cannot be shown."""
        return render.problem(self._prefix, notes)

    def newest(self, path: str) -> str | None:
        """Return where a page of an older build stands now; None where it is no such page."""
        head, _, name = path.rpartition("/")
        _, found = self._made()
        now = f"builds/{found.build}/{name}"
        return f"../{found.build}/{name}" if head.startswith("builds/") and now in found.once else None

    def steer(self, staged: Mapping[str, Any], way: str) -> bytes:
        """Return the page from which to steer.

        Args:
            staged: What ``tidegate status`` says.
            way: What to type in a terminal first, so that what is done here can be typed there, too.
        """
        model, build = self._looked_at()
        desk = self._desk()  # read after the model, so that it knows every channel of that
        products = list(dict.fromkeys(channel.product for channel in desk.channels()))
        versions = [
            {"product": product, "version": version}
            for product in products
            for version in _newest_first(Catalog(desk, product))
        ]
        shown = {"channels": model.rollouts, "staged": staged, "products": products, "versions": versions}
        around = {"standing": standings(desk), "way": way}
        return site.live_page("steer.html", model, build, self._prefix, **shown, **around)

    def hosts(self, asked: Asked) -> bytes:
        """Return a page of the hosts that somebody looks for."""
        model, build = self._looked_at()
        with self._standing() as (heard, _, _):
            found = hosts.hosts_page(heard, asked, self._on_page)
        return site.live_page("hosts.html", model, build, self._prefix, found=found)

    def host(self, product: str, agent: str) -> bytes | None:
        """Return the page of a host; None where it was never heard of."""
        model, build = self._looked_at()
        with self._standing() as (heard, live, states):
            row = hosts.standing(heard, product, agent)
            if row is None:
                return None
            found = hosts.agent_page(row, hosts.events(heard, [agent]), states)
        now = foretelling.foretold(live, row, found)
        return site.live_page("agent.html", model, build, self._prefix, agent=found, now=now)

    @contextmanager
    def _standing(self) -> Iterator[tuple[Heard, Desk, Mapping[str, State]]]:
        """Open the lake, with what each host does, and what is published."""
        live = self._desk().published()
        states = {str(channel): read_state(live, channel) for channel in live.channels()}
        with opened(self._lake) as heard:
            heard.stand(live_orders(states.values()), live.now)
            yield heard, live, states

    def _looked_at(self) -> tuple[Model, str]:
        """Return the model and its build; a damaged lake does not take the brake away."""
        try:
            model, found = self._made()
        except MalformedError:
            return site.gather(self._desk(), self._lake / "none", full=False), ""
        return model, found.build

    def _made(self) -> tuple[Model, Site]:
        """Return the pages, made anew when something was published or collected, or when time went by."""
        with self._turn:
            desk = self._desk()
            collected = self._collected()
            news = (desk.live.timestamp_bytes, collected)
            if self._kept is None or self._kept.news != news or desk.now >= self._kept.until:
                begun = monotonic()
                model = site.gather(desk, self._lake, full=True, kept=self._answered(collected))
                made = site.rendered(model, desk.now, prefix=self._prefix)
                took = timedelta(seconds=monotonic() - begun)
                self._kept = _Kept(news, desk.now + max(FRESH, BREAK * took), model, made)
            return self._kept.model, self._kept.site

    def _answered(self, collected: object) -> Kept:
        """Return what the lake answered since something was collected; a publication changes none of it."""
        if self._answers[0] != collected:
            self._answers = (collected, {})
        return self._answers[1]

    def _collected(self) -> object:
        try:
            looks = [(path.name, path.stat()) for path in self._lake.iterdir()]
        except OSError:
            return None
        return {(name, look.st_ino, look.st_mtime_ns) for name, look in looks}


def _newest_first(catalog: Catalog) -> list[str]:
    return sorted(catalog.versions, key=lambda version: -catalog.release(version).seq)
