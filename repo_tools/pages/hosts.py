"""Hosts, one by one: what each is and does, and what it told. The lake pages and searches, not the reader."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

from metadata import places
from repo_tools.pages.heard import Heard, moment
from repo_tools.pages.hostmodel import AgentPage, Asked, Event, HostRow, HostsPage, Update
from repo_tools.rollouts.state import State
from repo_tools.words.text import cut

ON_PAGE = 100
MOST_EVENTS, MOST_LINES, MOST_WINDOWS = 40, 40, 20
_HOST = """
SELECT *, (SELECT max_by(received, seq) FROM reports
           WHERE product = $product AND agent = $agent AND decision IS NOT NULL) AS decided
FROM standing WHERE product = $product AND agent = $agent
"""


def hosts_page(heard: Heard, asked: Asked, most: int = ON_PAGE) -> HostsPage:
    """Return a page of the hosts that somebody looks for.

    Args:
        heard: The lake, in which it was worked out what each host does.
        asked: Which hosts.
        most: How many stand on a page.
    """
    about = {"text": asked.text, "state": asked.state, "channel": asked.channel}
    found = heard.named("hosts", **about, most=most, skip=asked.page * most)
    total = int(found[0]["total"]) if found else 0
    return HostsPage(asked, tuple(map(_row, found)), total, max(1, -(-total // most)))


def standing(heard: Heard, product: str, agent: str) -> Mapping[str, Any] | None:
    """Return how a host stands; None where nobody of that name was heard of.

    Args:
        heard: The lake, in which it was worked out what each host does.
        product: Of which product.
        agent: Its id.
    """
    found = heard.dicts(_HOST, {"product": product, "agent": agent})
    return found[0] if found else None


def events(heard: Heard, agents: Sequence[str]) -> Mapping[tuple[str, str], list[Event]]:
    """Return what hosts told, the newest first, by host and product."""
    found = defaultdict(list)
    for row in heard.named("events", agents=sorted(set(agents)), most=MOST_EVENTS):
        found[row["agent"], row["product"]].append(event(row))
    return found


def event(row: Mapping[str, Any]) -> Event:
    """Return a report as a page tells it."""
    lines = str(row["detail"]).splitlines()
    kept = lines[-MOST_LINES:]  # what matters in a log is its end
    return Event(
        at=moment(row["received"]),
        stage=cut(row["stage"]),
        outcome=cut(row["outcome"]),
        version=cut(row["version"]),
        rollout=cut(row["rollout"]),
        reason=cut(row["reason"]),
        log=tuple(map(cut, kept)),
    )


def agent_page(
    row: Mapping[str, Any], told: Mapping[tuple[str, str], Sequence[Event]], states: Mapping[str, State]
) -> AgentPage:
    """Return the page of a host.

    Args:
        row: How it stands.
        told: What hosts told.
        states: The channels as they are published.
    """
    listed = _row(row)
    state = states.get(listed.channel)
    place = places.place(state.policy.salt, row["cohort_id"] or listed.agent) if state else ""
    return AgentPage(
        row=listed,
        page=f"agent.{sha256(f'{listed.channel} {listed.agent}'.encode()).hexdigest()[:16]}.html",
        place=place[:16],
        fraction=f"{100 * places.fraction(place):.0f} %" if place else "",
        text=cut(str(_decision(row).get("text") or "")),
        decided=moment(row.get("decided")),
        pin=None if row["pin"] is None else cut(row["pin"]),
        windows=_windows(row["windows"]),
        labels=tuple(labels(row["labels"])),
        updates=_updates(told.get((listed.agent, listed.product), ())),
    )


def labels(text: str | None) -> list[tuple[str, str]]:
    """Return labels from how the lake writes them."""
    return [(cut(str(name)), cut(str(value))) for name, value in sorted(json.loads(text or "{}").items())]


def _row(row: Mapping[str, Any]) -> HostRow:
    return HostRow(
        agent=row["agent"],
        product=row["product"],
        channel=f"{row['product']}/{row['channel']}",
        wave=row["wave"] or "",
        running=cut(row["running"] or ""),
        state=row["state"],
        rule=cut(str(_decision(row).get("rule") or "")),
        heard=moment(row["received"]),
    )


def _decision(row: Mapping[str, Any]) -> dict[str, Any]:
    found = json.loads(row["decision"] or "{}")
    return found if isinstance(found, dict) else {}


def _windows(text: str | None) -> tuple[str, ...]:
    found = json.loads(text or "[]")
    return tuple(cut(str(one)) for one in found[:MOST_WINDOWS]) if isinstance(found, list) else ()


def _updates(told: Sequence[Event]) -> tuple[Update, ...]:
    """Return reports by the order that they are about."""
    return tuple(
        Update(version, rollout, tuple(some))
        for (version, rollout), some in groupby(told, key=lambda one: (one.version, one.rollout))
    )
