"""The pages of what went wrong: by stage, reason and label, and the hosts that fail or are silent."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from repo_tools.collect import asking
from repo_tools.pages import hosts
from repo_tools.pages.heard import Heard, moment
from repo_tools.pages.hostmodel import AgentPage
from repo_tools.pages.model import Failure, FailuresPage, LabelCount
from repo_tools.rollouts.state import State
from repo_tools.words.text import cut

MOST_AGENTS = 200
"""Hosts with a page of their own, the newest failures first."""
MOST_FAILURES, MOST_LABELS, MOST_NEWEST = 200, 40, 10
_NUMBERS = (
    "SELECT count(*) FILTER (state IN ('failed', 'back')), count(*) FILTER (state = 'silent') FROM standing"
)


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
        tuple((row["agent"], hosts.event(row)) for row in heard.named("newest", most=MOST_NEWEST))
        if full
        else (),
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
        counts.update({f"{name}={value}": number for name, value in hosts.labels(text)})
    return [LabelCount(cut(name), number) for name, number in counts.most_common(MOST_LABELS)]


def _agents(heard: Heard, states: Mapping[str, State]) -> list[AgentPage]:
    found = heard.named("troubled", most=MOST_AGENTS)
    told = hosts.events(heard, [row["agent"] for row in found])
    return [hosts.agent_page(row, told, states) for row in found]
