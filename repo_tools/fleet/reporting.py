"""Where the hosts of a channel put their reports: a field of its policy."""

import math
from typing import Any

import msgspec

from metadata.documents import Reporting
from metadata.errors import UsageError
from repo_tools.desk import Desk
from repo_tools.moments import seconds
from repo_tools.roles import Channel
from repo_tools.rollouts.staging import Change, stage
from repo_tools.rollouts.state import read_state

DAY_S = 86_400
FLUSHES_OF_AN_UPDATE = 3
"""One when its trial begins, one when it ended, one after its soak."""


def place(url: str | None, heartbeat: str, *, off: bool) -> Reporting | None:
    """Return the place that a person means; None for none.

    Raises:
        UsageError: It is no place that takes reports.
    """
    if bool(url) == off:
        hint = "hosts need a place that takes PUT and gives nothing"
        raise UsageError("say where: --url URL, or --off", hint)
    if url and not url.startswith(("https://", "http://", "file:///")):
        raise UsageError(f"not a place for reports: {url!r}", "write it with https://")
    return Reporting(url=url, heartbeat_s=seconds(heartbeat)) if url else None


def puts(hosts: int, days: int, where: Reporting, updates: int = 0) -> int:
    """Return how many objects hosts put into the box at most; a host that has news sends no heartbeat.

    Args:
        hosts: How many report.
        days: In so many days.
        where: How often a host with no news says so.
        updates: How many updates each host makes in that time.
    """
    beats = math.ceil(days * DAY_S / max(where.heartbeat_s, 1))
    return hosts * (beats + updates * FLUSHES_OF_AN_UPDATE)


def cost(where: Reporting) -> str:
    """Return in words what a place must take."""
    quiet, moved = puts(10_000, 1, where), puts(10_000, 1, where, updates=1)
    return f"10,000 hosts make at most {quiet:,} PUTs on a quiet day, and {moved:,} when all of them update"


def report_to(desk: Desk, channel: Channel, where: Reporting | None) -> dict[str, Any]:
    """Stage the place for a channel's reports; return it for machines."""
    state = read_state(desk, channel)
    stage(desk, state, Change(policy=msgspec.structs.replace(state.policy, report=where)))
    return {"channel": str(channel), "report": msgspec.to_builtins(where)}
