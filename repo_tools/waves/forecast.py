"""What a rollout would bring: how many hosts of each wave take it, when, and how much they download. Pure.

What is known of a host is what it last reported. Its platform is not known, so the largest artifact counts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from metadata.documents import Order
from metadata.release import Artifact, Release
from metadata.rules import MAX_VIAS
from metadata.versions import parse, within
from repo_tools.collect.placing import map_of
from repo_tools.collect.roster import Member
from repo_tools.rollouts.plans import Plan
from repo_tools.rollouts.staging import Change, reshaped
from repo_tools.rollouts.state import State

HOUR_S = 3_600
HELD = ("pinned", "foreign")
"""Last decisions that keep a host from any release."""


class Shelf(Protocol):
    """Where releases are, with the lengths of their files."""

    def release(self, version: str) -> Release:
        """Return a release."""

    def length(self, path: str) -> int:
        """Return the bytes of a release's file."""


@dataclass(frozen=True)
class Part:
    """One wave of a rollout."""

    wave: str
    hosts: int
    """That are there."""
    takes: int
    """Of these, free to take the release."""
    runs: int
    """Of these, those that run it already."""
    since: datetime | None
    """When the first may start; None where that is decided later."""
    spread_s: int
    download_bytes: int
    """Of all hosts that take it."""

    @property
    def held(self) -> int:
        """How many are pinned, gave it up, are not allowed to take it, or run something higher."""
        return self.hosts - self.takes - self.runs

    @property
    def until(self) -> datetime | None:
        """When the last may start."""
        return self.since and self.since + timedelta(seconds=self.spread_s)

    @property
    def hourly_bytes(self) -> int:
        """How much is downloaded in an hour of the spread."""
        return self.download_bytes * HOUR_S // max(HOUR_S, self.spread_s)


def forecast(state: State, change: Change, plan: Plan, members: Sequence[Member]) -> list[Part]:
    """Return what a rollout that begins brings to each wave, those that follow later among them.

    Args:
        state: The channel as it is.
        change: What begins the rollout.
        plan: How it goes on.
        members: The roster.
    """
    after, first = reshaped(state, change), next(iter(change.orders.values()))
    waves, catalog = map_of(after), after.catalog
    present = [one for one in members if one.presence == "present"]
    groups = Counter((waves.wave(one.agent, one.standing), _kind(one, first), one.version) for one in present)
    sizes = {one.version: download_bytes(catalog, first.version, one.version) for one in present}
    parts = []
    for place, wave in enumerate(after.inhabited):
        mine = {
            (kind, running): number for (where, kind, running), number in groups.items() if where == wave.name
        }
        order = change.orders.get(wave.name)
        later = plan.pace.spread(place) if plan.preset else first.spread_s
        parts.append(
            Part(
                wave=wave.name,
                hosts=sum(mine.values()),
                takes=sum(number for (kind, _), number in mine.items() if kind == "takes"),
                runs=sum(number for (kind, _), number in mine.items() if kind == "runs"),
                since=order.not_before if order else None,
                spread_s=order.spread_s if order else later,
                download_bytes=sum(
                    sizes[runs] * number for (kind, runs), number in mine.items() if kind == "takes"
                ),
            )
        )
    return parts


def peak_bytes(parts: Sequence[Part]) -> int:
    """Return the most that is downloaded in an hour; a wave whose time is not known yet is alone in it."""
    known = [(part, part.since) for part in parts if part.since]

    def at(moment: datetime) -> int:
        return sum(
            part.hourly_bytes
            for part, since in known
            if since <= moment < since + timedelta(seconds=max(part.spread_s, HOUR_S))
        )

    alone = [part.hourly_bytes for part in parts if part.since is None]
    return max([*(at(since) for _, since in known), *alone], default=0)


def download_bytes(catalog: Shelf, version: str, running: str) -> int:
    """Return how much a host that runs a version, or nothing, downloads to come to another one."""
    way = [version]
    while len(way) <= MAX_VIAS:
        release = catalog.release(way[-1])
        if (
            not running
            or release.requires is None
            or release.via is None
            or within(running, release.requires)
        ):
            break
        way.append(release.via.version)
    way.reverse()
    return sum(_step_bytes(catalog, to, here) for here, to in zip([running, *way], way, strict=False))


def _kind(member: Member, order: Order) -> Literal["takes", "runs", "held"]:
    version = order.version
    if member.version == version:
        return "runs"
    if version in member.gave_up and not order.retry:
        return "held"
    higher = bool(member.version) and parse(member.version) > parse(version)
    return "held" if higher or member.rule in HELD else "takes"


def _step_bytes(catalog: Shelf, version: str, running: str) -> int:
    parts = catalog.release(version).artifacts
    return max((_artifact_bytes(catalog, part, running) for part in parts), default=0)


def _artifact_bytes(catalog: Shelf, part: Artifact, running: str) -> int:
    delta = next((delta.path for delta in part.deltas if delta.from_version == running), part.path)
    return catalog.length(delta)
