"""What a host would decide now: the agent's own rules, by what is published and by what the host told."""

import platform
from collections.abc import Mapping
from typing import Any

from metadata.errors import MalformedError, UsageError
from metadata.facts import Host
from metadata.versions import parse
from repo_tools.desk import Desk
from repo_tools.explain import explain, given_up, highest_seq, local_facts
from repo_tools.names import check_range
from repo_tools.pages.hostmodel import AgentPage, Foretold
from repo_tools.roles import Channel
from repo_tools.rollouts.state import Catalog

TOLD = ("running", "ring", "cohort_id", "pin", "quarantine")
"""What hosts tell of what only they know."""


def foretold(desk: Desk, row: Mapping[str, Any], page: AgentPage) -> Foretold | None:
    """Return what a host decides by what is published now; None where its channel is gone.

    Args:
        desk: What is published.
        row: How the host stands.
        page: What it told.
    """
    channel = Channel(row["product"], row["channel"])
    if channel not in desk.channels():
        return None
    host = _host(desk, channel, row, page)
    found = explain(desk, channel, host, desk.now)
    return Foretold(
        found.decision.action,
        found.decision.rule,
        found.decision.text if found.directed else "nothing was ordered yet for this host's wave",
        found.route or "",
        found.decision.until,
        _assumed(host),
    )


def _assumed(host: Host) -> tuple[str, ...]:
    """Return what is taken for granted of a host, since it told nothing else."""
    facts = local_facts(host).items()
    return tuple(text for name, text in facts if name not in TOLD or not getattr(host, name))


def _host(desk: Desk, channel: Channel, row: Mapping[str, Any], page: AgentPage) -> Host:
    """Return a host as far as it is known."""
    running = _version(row["running"])
    here = f"{platform.system()}-{platform.machine()}".lower()
    left = _went_back(page) & set(Catalog(desk, channel.product).versions)
    return Host(
        agent_id=row["agent"],
        product=channel.product,
        channel=channel.name,
        platform=here,
        ring=row["ring"],
        cohort_id=row["cohort_id"],
        running=running,
        highest_seq=highest_seq(desk, channel, running),
        pin=_range(row["pin"]),
        quarantine=given_up(desk, channel, left, here),
    )


def _went_back(page: AgentPage) -> set[str]:
    """Return the versions that a host gave up, as far as it told; it retries what was not their fault."""
    told = (one for update in page.updates for one in update.events)
    return {one.version for one in told if one.stage == "update_rollback" and one.reason != "environment"}


def _version(text: str | None) -> str | None:
    """Return what a host said it runs, where it is a version."""
    try:
        parse(text or "")
    except MalformedError:
        return None
    return text


def _range(text: str | None) -> str:
    """Return what a host said it is pinned to, where that is a range."""
    try:
        check_range(text or "")
    except UsageError:
        return ""
    return text or ""
