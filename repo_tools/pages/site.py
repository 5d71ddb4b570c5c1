"""The whole site: gathered from a desk and a lake, rendered into files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import json

from metadata.fields import time_text
from repo_tools.audit.history import History
from repo_tools.checks.facts import gather as everything
from repo_tools.desk import Desk
from repo_tools.pages import earlier, fleet, past, render, rollout, trouble
from repo_tools.pages.course import Course, course
from repo_tools.pages.heard import Heard, Kept, opened
from repo_tools.pages.model import Model, RolloutPage, SignedChange
from repo_tools.pages.render import Home

NAV = (
    ("fleet.html", "Fleet"),
    ("failures.html", "Failures"),
    ("history.html", "History"),
    ("audit.html", "Audit"),
)
NAMING = "-full"
"""What the builds are called by which hosts can be told apart."""
MOST_NAMED = 3
"""Channels whose rollouts stand at the top of every page."""
OLD = timedelta(days=1)
"""When the newest report is so old, something is wrong with how reports come here."""
IN_BUILD = Home("", "../../assets/", "../../")
"""Pages of a build link to each other, so that a reader stays within it."""
LEAF = Home("../#", "../assets/", "../")
"""Pages of hosts outlive a build: they lead back by way of the index."""


@dataclass(frozen=True)
class Site:
    """Files below ``status/``."""

    build: str
    """Names the content of all pages; that of a site which names hosts ends so."""
    once: Mapping[str, bytes]
    """What is created once: assets, then pages."""
    index: bytes
    status: bytes
    """The small file that open pages ask for news."""


def gather(desk: Desk, lake: Path, *, full: bool, kept: Kept | None = None) -> Model:
    """Return what all pages show.

    Args:
        desk: The workspace; what is staged on it does not count.
        lake: What was collected.
        full: Tell failing and silent hosts by their ids, with labels and logs.
        kept: What the lake answered before, if it is still the same.
    """
    live = desk.published()
    told, report = past.changes(live)
    with opened(lake, kept) as heard:
        courses = [course(live, channel, lake, empty=heard.empty) for channel in live.channels()]
        states = {str(one.state.channel): one.state for one in courses}
        heard.stand(rollout.live_orders(states.values()), live.now)
        newest, facts = heard.span()[1], everything(live, publishing=False)
        pages = {str(one.state.channel): rollout.page_of(one.state.channel) for one in courses}
        return Model(
            title=", ".join(dict.fromkeys(one.state.channel.product for one in courses)),
            heard=newest,
            stale=newest is not None and newest <= live.now - OLD,
            issued=report.history.publications[-1].at,
            standstill=past.standstill(facts),
            fleet=fleet.fleets(heard, pages),
            rollouts=_rollouts(courses, heard, told, report.history),
            failures=trouble.failures_page(heard, states, full=full),
            history=past.history(heard, list(states.values()), live.now),
            audit=past.audit_page(live, facts, told, report),
        )


def _rollouts(
    courses: Sequence[Course], heard: Heard, told: Sequence[SignedChange], history: History
) -> list[RolloutPage]:
    newest = {str(one.state.channel): one.state.newest or "" for one in courses}
    before = earlier.earlier(history, heard, newest, told)
    return [rollout.rollout_page(one, heard, told, before.get(str(one.state.channel), ())) for one in courses]


def rendered(model: Model, built: datetime, *, prefix: str = "") -> Site:
    """Return the site's files.

    Args:
        model: What they show.
        built: The present. It is on no page, so that a build without news is the same build.
        prefix: Of every address of a console; empty for a site without one.
    """
    agents = () if prefix else model.failures.agents  # a console has pages of all hosts
    leaves = {
        agent.page: render.page("agent.html", LEAF, agent=agent, now=None, **_around(model, agent.page))
        for agent in agents
    }
    names = {page: f"agents/{sha256(data).hexdigest()[:16]}.html" for page, data in leaves.items()}
    pages = dict(_pages(model, names, prefix))
    joined = b"".join(sha256(f"{name}\n".encode() + data).digest() for name, data in sorted(pages.items()))
    build = sha256(joined).hexdigest()[:16] + (NAMING if model.failures.full else "")
    home = Home(f"builds/{build}/", "assets/", "")
    once = {f"assets/{name}": data for name, data in render.assets(steering=bool(prefix)).items()}
    once |= {f"builds/{build}/{name}": data for name, data in pages.items()}
    once |= {names[page]: data for page, data in leaves.items()}
    around = _around(model, "fleet.html", names, prefix) | {"build": build}
    return Site(build, once, render.page("fleet.html", home, **around), _status(model, build, built))


def live_page(template: str, model: Model, build: str, prefix: str, **more: Any) -> bytes:
    """Return a page of a console's own, which is in no build.

    Args:
        template: Which one.
        model: What all pages show.
        build: The build to whose pages it leads.
        prefix: Of every address.
        more: What it shows.
    """
    home = Home(f"{prefix}builds/{build}/", f"{prefix}assets/", prefix)
    here = template.removesuffix(".html")
    return render.page(template, home, **_around(model, here, prefix=prefix), **more)


def _around(
    model: Model, here: str, leaves: Mapping[str, str] | None = None, prefix: str = ""
) -> dict[str, Any]:
    several = len(model.rollouts) > 1
    named = [(one.page, f"Rollout {one.channel}" if several else "Rollout") for one in model.rollouts]
    rollouts = named if len(named) <= MOST_NAMED else []  # the fleet's page leads to all of them
    nav = [NAV[0], *rollouts, *NAV[1:]]
    return {"model": model, "nav": nav, "here": here, "leaves": leaves or {}, "build": "", "prefix": prefix}


def _pages(model: Model, leaves: Mapping[str, str], prefix: str) -> Iterator[tuple[str, bytes]]:
    """Yield every page of a build with its name."""
    for name, _title in NAV:
        yield name, render.page(name, IN_BUILD, **_around(model, name, leaves, prefix))
    for one in model.rollouts:
        around = _around(model, one.page, leaves, prefix)
        yield one.page, render.page("rollout.html", IN_BUILD, **around, rollout=one)
        for before in one.earlier:
            yield before.page, render.page("earlier.html", IN_BUILD, **around, rollout=before)


def _status(model: Model, build: str, built: datetime) -> bytes:
    channels = {
        one.channel: {"hosts": one.present, **{part.kind: part.count for part in one.states}}
        for one in model.fleet
    }
    found = {
        "format": "tidegate.status/1",
        "build": build,
        "built": time_text(built),
        "heard": time_text(model.heard) if model.heard else None,
        "channels": channels,
        "rollouts": {one.channel: {"rollout": one.rollout, "version": one.version} for one in model.rollouts},
    }
    return json.format(json.encode(found), indent=1) + b"\n"
