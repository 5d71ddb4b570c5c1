"""Where several people must sign, hosts leave them the time for it."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.repo_tools.conftest import NOON
from tests.support.workspace import Workspace


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a repository with a release, in which two must sign for everybody; never changed."""
    work = Workspace(tmp_path_factory.mktemp("of-two") / "place", NOON)
    work.do("init", work.folder, "--product", "agent", "--store", "../store", "--no-passphrase")
    work.publish_release("1.4.2")
    work.add("1.5.0")
    work.sign_and_publish()
    return work.base


@pytest.fixture
def two(of_two: Path, tmp_path: Path) -> Workspace:
    """The same, to be changed."""
    return Workspace(shutil.copytree(of_two, tmp_path / "place"), NOON)


def starts(work: Workspace, *words: str) -> dict[str, Any]:
    """Order 1.5.0, and return how long after noon the first host of each wave may start."""
    said = work.do("rollout", "start", "stable", "1.5.0", *words, "--dry-run")["waves"]
    return {one["name"]: datetime.fromisoformat(one["order"]["not_before"]) - NOON for one in said}


def test_an_order_that_several_must_sign_has_time_for_it(two):
    """Four hours, where the hosts are spread; whoever says a time is obeyed."""
    hour, none = timedelta(hours=1), timedelta(0)
    everybody = ("--strategy", "immediate", "--spread-s", "1h")
    assert starts(two, *everybody) == dict.fromkeys(("canary", "early", "full"), 4 * hour)
    assert starts(two, "--spread-s", "1h") == {"canary": none}
    assert set(starts(two, *everybody, "--lead", "12h").values()) == {12 * hour}
    assert set(starts(two, *everybody, "--lead", "0s").values()) == {none}
    assert set(starts(two, *everybody, "--not-before", "+1h").values()) == {hour}
    assert set(starts(two, *everybody, "--urgent").values()) == {none}
    assert set(starts(two, "--strategy", "immediate").values()) == {none}
    assert two.run("rollout", "plan", "stable", "1.5.0", "--lead", "1h", "--not-before", "+1h").exit_code == 2


def test_the_time_is_said(two):
    """Whoever orders it reads who must sign, and where the number comes from."""
    said = two.run("rollout", "start", "stable", "1.5.0", "--strategy", "immediate", "--spread-s", "1h")
    assert (
        "hosts start 4 h from now at the earliest: several must sign agent.stable.full (--lead)"
        in said.stderr
    )


def test_a_release_that_several_must_sign_has_time_for_it(two):
    """One signature starts the canaries, and nobody reads of them before two signed the release."""
    two.add("1.6.0")
    said = two.do("rollout", "start", "stable", "1.6.0", "--spread-s", "1h")["waves"][0]["staged"]
    assert said["not_before"] == "2026-11-22T16:00:00Z"


def test_a_recall_does_not_wait(two):
    """Hosts that run something bad are called back as soon as it is public."""
    two.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate", "--urgent")
    two.sign_and_publish()
    said = two.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--spread-s", "1h")["waves"]
    assert {one["staged"]["not_before"] for one in said} == {"2026-11-22T12:00:00Z"}


def test_what_was_signed_within_its_time_is_published(two):
    """Three hours of collecting signatures cost no host its turn."""
    two.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate", "--spread-s", "1h")
    two.now += timedelta(hours=3)
    two.sign_and_publish()
    assert [one for one in two.do("check")["findings"] if one["rule"] == "late"] == []
