"""The pages of what went wrong: by stage, reason and label, and the hosts that fail or are silent."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from metadata import places
from repo_tools.collect import asking
from repo_tools.pages.heard import Heard, moment
from repo_tools.pages.model import AgentPage, Event, Failure, FailuresPage, LabelCount
from repo_tools.rollouts.state import State
from repo_tools.words.text import cut

MOST_AGENTS = 200
"""Hosts with a page of their own, the newest failures first."""
MOST_FAILURES, MOST_LABELS, MOST_NEWEST, MOST_EVENTS, MOST_LINES = 200, 40, 10, 30, 40
_NUMBERS = (
    "SELECT count(*) FILTER (state IN ('failed', 'back')), count(*) FILTER (state = 'silent') FROM standing"
)
_TROUBLED = """
SELECT agent, product, channel, coalesce(wave, '') AS wave, coalesce(running, '') AS running, ring, cohort_id,
       received, decision, labels, CASE WHEN state = 'silent' THEN 'silent' ELSE 'failed' END AS trouble
FROM standing WHERE state IN ('failed', 'back', 'silent')
ORDER BY trouble, received DESC, agent LIMIT $most
"""


def failures_page(heard: Heard, states: Mapping[str, State], *, full: bool) -> FailuresPage:
    """Return what went wrong.

    Args:
        heard: The lake, in which it was worked out what each host does.
        states: The channels as they are published.
        full: Tell hosts by their ids, with labels and logs.
    """
    [(failed, silent)] = heard.rows(_NUMBERS)
    found = sorted(map(_failure, heard.rows(asking.text("failures"))), key=lambda one: -one.agents)
    return FailuresPage(
        tuple(found[:MOST_FAILURES]),
        tuple(_labels(heard.labels())) if full else (),
        tuple((row["agent"], _event(row)) for row in heard.named("newest", most=MOST_NEWEST)) if full else (),
        tuple(_agents(heard, states)) if full else (),
        failed,
        silent,
        full,
    )


def _failure(row: Sequence[Any]) -> Failure:
    product, rollout, version, stage, reason, agents, newest = row
    return Failure(
        product=product,
        rollout=cut(rollout or ""),
        version=cut(version or ""),
        stage=cut(stage),
        reason=cut(reason),
        agents=agents,
        newest=moment(newest),
    )


def _labels(found: Iterable[tuple[str, int]]) -> list[LabelCount]:
    counts: Counter[str] = Counter()
    for text, number in found:
        counts.update({f"{name}={value}": number for name, value in _pairs(text)})
    return [LabelCount(cut(name), number) for name, number in counts.most_common(MOST_LABELS)]


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(cut(str(name)), cut(str(value))) for name, value in sorted(json.loads(text or "{}").items())]


def _agents(heard: Heard, states: Mapping[str, State]) -> list[AgentPage]:
    found = heard.db.execute(_TROUBLED, {"most": MOST_AGENTS})
    columns = [column[0] for column in found.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    events = defaultdict(list)
    names = sorted({row["agent"] for row in rows})
    for row in heard.named("events", agents=names, most=MOST_EVENTS):
        events[row["agent"]].append(_event(row))
    return [_agent(row, events[row["agent"]], states) for row in rows]


def _event(row: Mapping[str, Any]) -> Event:
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


def _agent(row: Mapping[str, Any], events: Sequence[Event], states: Mapping[str, State]) -> AgentPage:
    channel = f"{row['product']}/{row['channel']}"
    state = states.get(channel)
    decision = json.loads(row["decision"] or "{}")
    name = sha256(f"{channel} {row['agent']}".encode()).hexdigest()[:16]
    return AgentPage(
        agent=row["agent"],
        page=f"agent.{name}.html",
        trouble=row["trouble"],
        channel=channel,
        wave=row["wave"],
        place=places.place(state.policy.salt, row["cohort_id"] or row["agent"])[:8] if state else "",
        running=cut(row["running"]),
        heard=moment(row["received"]),
        rule=cut(str(decision.get("rule") or "")),
        text=cut(str(decision.get("text") or "")),
        labels=tuple(_pairs(row["labels"])),
        events=tuple(events),
    )
