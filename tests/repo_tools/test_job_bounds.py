"""What a job can do, whatever hosts tell: open the next wave of the newest rollout, hold it, or wait."""

import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadata.documents import Held
from repo_tools.gate.advance import Step, advance
from repo_tools.gate.counting import Tally
from repo_tools.gate.verdict import Counts
from repo_tools.rollouts import plans
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State, read_state
from tests.repo_tools.conftest import NOON
from tests.support.workspace import Workspace

PLAN = plans.plan("gated", None)
NUMBER = st.integers(0, 400)


@st.composite
def counted(draw: st.DrawFn) -> Counts:
    """Draw what may be counted of a wave."""
    ok, failed, silent, waiting = (draw(NUMBER) for _ in range(4))
    started = ok + failed + silent
    expected = started + waiting
    return Counts(
        members=expected + draw(NUMBER),
        expected=expected,
        started=started,
        ok=ok,
        failed=failed,
        unfit=draw(NUMBER),
        lost=draw(st.integers(0, silent)),
    )


@pytest.fixture(scope="module")
def states(with_base, tmp_path_factory) -> list[State]:
    """A gated rollout in its first wave, in two, and in all of them."""
    work = Workspace(shutil.copytree(with_base, tmp_path_factory.mktemp("bounds") / "place"), NOON)
    work.add("1.5.0")
    work.do("rollout", "start", "stable", "1.5.0", "--strategy", "gated")
    found = []
    for _ in range(3):
        desk = work.desk()
        found.append(read_state(desk, desk.channel("stable")))
        work.do("rollout", "promote", "stable", "--early")
    return found


def steps(state: State, counts: list[Counts], hours: int) -> Step:
    """Return what the job does when its waves are counted so, some hours after noon."""
    told: Iterator[Counts] = iter(counts)
    terms = Terms(NOON + timedelta(hours=hours), by="job@example.com")
    return advance(state, PLAN, lambda _order: Tally(next(told), 1, "0" * 64), terms)


@given(st.integers(0, 2), st.lists(counted(), min_size=3, max_size=3), st.integers(0, 200))
def test_a_job_only_opens_or_holds(states, reached, counts, hours):
    """No evidence makes it recall, complete, go back, skip a wave, lift a hold or change who is in a wave."""
    state = states[reached]
    change = steps(state, counts, hours).change
    if change is None:
        return
    assert change == Change(orders=change.orders, brake=change.brake)
    if change.brake is not None:
        assert change.brake.hold == [*state.brake.hold, Held(rollout="stable-0002")]
        assert not change.orders
        return
    ((wave, order),) = change.orders.items()
    before = state.waves[reached].order
    assert before is not None
    assert wave == state.waves[reached + 1].name
    assert (order.rollout, order.version, order.state, order.recall) == ("stable-0002", "1.5.0", "go", None)
    assert (order.base, order.urgent, order.retry) == (before.base, before.urgent, before.retry)
    assert order.evidence is not None
    assert order.evidence.counts.ok == counts[reached].ok


def test_it_does_each_of_these(states):
    """The property above is not about a job that always waits."""
    well, ill = (
        Counts(members=300, expected=300, started=300, ok=300),
        Counts(members=9, expected=9, failed=9),
    )
    assert [steps(states[0], [one], 200).verdict.action for one in (well, ill)] == ["open", "halt"]
