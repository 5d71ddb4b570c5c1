"""The whole site: gathered from a desk and a lake, rendered into files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import json

from metadata.fields import time_text
from repo_tools.desk import Desk
from repo_tools.pages import fleet, past, render, rollout, trouble
from repo_tools.pages.heard import opened
from repo_tools.pages.model import Model
from repo_tools.pages.render import Home

NAV = (
    ("fleet.html", "Fleet"),
    ("failures.html", "Failures"),
    ("history.html", "History"),
    ("audit.html", "Audit"),
)
IN_BUILD = Home("", "../../assets/", "../../")
"""Pages of a build link to each other, so that a reader stays within it."""
LEAF = Home("../#", "../assets/", "../")
"""Pages of hosts outlive a build: they lead back by way of the index."""


@dataclass(frozen=True)
class Site:
    """Files below ``status/``."""

    build: str
    """Names the content of all pages."""
    once: Mapping[str, bytes]
    """What is created once: assets, then pages."""
    index: bytes
    status: bytes
    """The small file that open pages ask for news."""


def gather(desk: Desk, lake: Path, *, full: bool) -> Model:
    """Return what all pages show.

    Args:
        desk: The workspace; what is staged on it does not count.
        lake: What was collected.
        full: Tell failing and silent hosts by their ids, with labels and logs.
    """
    live = desk.published()
    told, report = past.changes(live)
    with opened(lake) as heard:
        courses = [rollout.course(live, channel, lake, empty=heard.empty) for channel in live.channels()]
        heard.stand(rollout.live_orders(courses), live.now)
        states = {str(one.state.channel): one.state for one in courses}
        pages = {str(one.state.channel): rollout.page_of(one.state.channel) for one in courses}
        return Model(
            title=", ".join(dict.fromkeys(one.state.channel.product for one in courses)),
            heard=heard.span()[1],
            issued=report.history.publications[-1].at,
            fleet=fleet.fleets(heard, pages),
            rollouts=[rollout.rollout_page(one, heard, told) for one in courses],
            failures=trouble.failures_page(heard, states, full=full),
            history=past.history(heard, {one.state.channel.product: one.state for one in courses}),
            audit=past.audit_page(live, told, report),
        )


def rendered(model: Model, built: datetime, *, steer: str = "") -> Site:
    """Return the site's files.

    Args:
        model: What they show.
        built: The present. It is on no page, so that a build without news is the same build.
        steer: Where its reader can steer; nowhere by default.
    """
    leaves = {
        agent.page: render.page("agent.html", LEAF, agent=agent, **_around(model, agent.page, {}, steer))
        for agent in model.failures.agents
    }
    names = {page: f"agents/{sha256(data).hexdigest()[:16]}.html" for page, data in leaves.items()}
    pages = dict(_pages(model, names, steer))
    joined = b"".join(sha256(f"{name}\n".encode() + data).digest() for name, data in sorted(pages.items()))
    build = sha256(joined).hexdigest()[:16]
    home = Home(f"builds/{build}/", "assets/", "")
    once = {f"assets/{name}": data for name, data in render.assets(steering=bool(steer)).items()}
    once |= {f"builds/{build}/{name}": data for name, data in pages.items()}
    once |= {names[page]: data for page, data in leaves.items()}
    index = render.page("fleet.html", home, **_around(model, "fleet.html", names, steer) | {"build": build})
    return Site(build, once, index, _status(model, build, built))


def steering(model: Model, build: str, prefix: str, **more: Any) -> bytes:
    """Return the page from which to steer.

    Args:
        model: What all pages show.
        build: The build to whose pages it leads.
        prefix: Of every address.
        more: What is staged, as ``tidegate status`` has it, and the versions that there are.
    """
    home = Home(f"{prefix}builds/{build}/", f"{prefix}assets/", prefix)
    around = _around(model, "steer", {}, f"{prefix}steer")
    return render.page("steer.html", home, **around, channels=model.rollouts, **more)


def _around(model: Model, name: str, leaves: Mapping[str, str], steer: str) -> dict[str, Any]:
    rollouts = [
        (one.page, "Rollout" if len(model.rollouts) == 1 else f"Rollout {one.channel}")
        for one in model.rollouts
    ]
    nav = [NAV[0], *rollouts, *NAV[1:]]
    return {"model": model, "nav": nav, "here": name, "leaves": leaves, "build": "", "steer": steer}


def _pages(model: Model, leaves: Mapping[str, str], steer: str) -> Iterator[tuple[str, bytes]]:
    """Yield every page of a build with its name."""
    for name, _title in NAV:
        yield name, render.page(name, IN_BUILD, **_around(model, name, leaves, steer))
    for one in model.rollouts:
        around = _around(model, one.page, leaves, steer)
        yield one.page, render.page("rollout.html", IN_BUILD, **around, rollout=one)


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
