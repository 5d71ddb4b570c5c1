"""The collector, the explanation and the agent itself agree on an agent's wave, whatever puts it there."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.fetch import Fetcher
from agent.journal import Journal
from agent.repository import Repository
from agent.resolve import resolve
from metadata.facts import Host
from repo_tools.collect.placing import Maps
from repo_tools.collect.records import Standing
from repo_tools.explain import explain
from tests.support.web import serving
from tests.support.workspace import HERE, Workspace

NAMED = ("host-1", "host-2", "host-3")
WAVES = (
    "--wave",
    "canary=id:host-1,id:host-2",
    "--wave",
    "early=25",
    "--wave",
    "full=100",
    "--ring",
    "staging",
)


@pytest.fixture(scope="module")
def channel(tmp_path_factory):
    """A channel with hosts by name, a ring, a share and the rest, as a desk has it and as an agent does."""
    folder = tmp_path_factory.mktemp("placing")
    work = Workspace(folder).found(*WAVES)
    work.publish_release("1.4.2")
    journal = Journal(folder / "journal.db")
    with serving(work.store) as web:
        yield (
            work.desk().published(),
            Repository(folder / "tuf", [web.url], work.root_file.read_bytes(), Fetcher()),
            journal,
        )
    journal.close()


ids = st.sampled_from(NAMED) | st.text("abcXYZ019._-", min_size=1, max_size=64)


@settings(max_examples=60, deadline=None)
@given(ids, st.none() | st.sampled_from(("staging", "other")), st.none() | ids)
def test_all_three_find_the_same_wave(channel, agent, ring, cohort):
    """By name before the ring, by the ring before the place, by the cohort's place instead of its own."""
    desk, repository, journal = channel
    now = datetime.now(UTC)
    host = Host(agent_id=agent, product="agent", channel="stable", platform=HERE, ring=ring, cohort_id=cohort)
    directed = resolve(repository, host, journal, now).directed
    explained = explain(desk, desk.only_channel(), host, now).directed
    assert directed is not None
    assert explained is not None
    placed = Maps(desk).now.wave("agent/stable", agent, Standing(ring, cohort))
    assert directed.wave == explained.wave == placed
    if agent in NAMED[:2] or (ring == "staging" and agent not in NAMED):
        assert placed == "canary"
