"""Enrolled hosts that lie to the gate: each moves its own outcome, and all of them together can only hold."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.chorus import BACK, SWITCHED, WELL
from tests.support.collection import Collection
from tests.support.wave import Underway
from tests.support.workspace import Workspace

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
HOSTS, LIARS = 220, 22


@pytest.fixture
def canary(real_time, tmp_path):
    """A gated rollout with 220 silent hosts in canary: the rollout, the liars, the honest."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    rollout = Underway(Collection(repo, tmp_path / "box"), START, "--strategy", "gated")
    names = rollout.join("canary", HOSTS)
    return rollout, names[:LIARS], names[LIARS:]


def untouched(rollout, before):
    """Return whether nothing but the brake changed."""
    return rollout.orders() == before and rollout.repo.do("status")["staged"] == []


def test_a_tenth_that_calls_everything_well(canary):
    """However often and for whatever they say it, they count once each, and the others halt the release."""
    rollout, liars, honest = canary
    for _ in range(3):
        rollout.tell(liars, *WELL)
        rollout.tell(liars, *WELL, rollout="stable-0009", wave="early")
    step = rollout.advance("--dry-run")
    assert (step["action"], step["counts"]["ok"], step["counts"]["members"]) == ("ask", 22, 220)
    assert step["text"].startswith("all 22 expected hosts of 220 are well")
    rollout.tell(honest, *SWITCHED)
    assert rollout.advance()["rule"] == "unheard"
    rollout.tell(honest[:14], *BACK)
    step = rollout.advance("--publish")
    assert (step["action"], step["counts"]["failed"], step["staged"]) == ("halt", 14, ["agent.stable.brake"])


def test_a_tenth_that_calls_everything_broken(canary):
    """They can hold a rollout, which a person looks at; no wave opens and nothing goes back."""
    rollout, liars, honest = canary
    rollout.tell(honest, *WELL)
    rollout.tell(liars, *BACK)
    before = rollout.orders()
    step = rollout.advance("--publish")
    assert (step["action"], step["counts"]["failed"], step["staged"]) == ("halt", 22, ["agent.stable.brake"])
    assert untouched(rollout, before)
    rollout.tell(liars, *WELL)
    assert rollout.advance("--publish")["rule"] == "held"
    assert untouched(rollout, before)


def test_hosts_that_start_and_fall_silent(canary):
    """Saying nothing more is no way out: who started and is not heard counts against the release."""
    rollout, liars, honest = canary
    rollout.tell(honest, *WELL)
    rollout.tell(liars, *SWITCHED, after=timedelta(hours=20))
    step = rollout.advance()
    assert (step["action"], step["rule"], step["counts"]["silent"]) == ("wait", "doubtful", 22)
