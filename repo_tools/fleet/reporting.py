"""Where the hosts of a channel put their reports: a field of its policy."""

from typing import Any

import msgspec

from metadata.documents import Reporting
from metadata.errors import UsageError
from repo_tools.desk import Desk
from repo_tools.moments import seconds
from repo_tools.roles import Channel
from repo_tools.rollouts.staging import Change, stage
from repo_tools.rollouts.state import read_state


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


def report_to(desk: Desk, channel: Channel, where: Reporting | None) -> dict[str, Any]:
    """Stage the place for a channel's reports; return it for machines."""
    state = read_state(desk, channel)
    stage(desk, state, Change(policy=msgspec.structs.replace(state.policy, report=where)))
    return {"channel": str(channel), "report": msgspec.to_builtins(where)}
