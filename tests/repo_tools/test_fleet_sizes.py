"""The same gate for 3, 12, 150 and 5,000 hosts: who is first, what opens the next wave, and what halts it."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.chorus import BACK, WELL, Chorus
from tests.support.collection import Collection
from tests.support.wave import BRIEF, Underway
from tests.support.workspace import Workspace

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
GATED = ("--strategy", "gated", "--preset", "fast")
LATER = f"{START + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}"
"""When the second wave opens."""


class Fleet:
    """Hosts, so many from each wave as founded, then counted in or not, and a gated rollout."""

    def __init__(self, repo: Workspace, box, sizes: dict[str, int], *waves: str) -> None:
        box.mkdir()
        collection = Collection(repo, box)
        chorus = Chorus(collection, START - timedelta(hours=1))
        for wave, size in sizes.items():
            chorus.join(chorus.names(wave, size))
        collection.collect()
        if waves:
            repo.do("waves", "stable", *waves)
            repo.sign_and_publish()
        self.repo = repo
        self.rollout = Underway(collection, START, *GATED)
        self.rollout.chorus = chorus

    def hosts(self, wave: str) -> list[str]:
        """Return the hosts of a wave."""
        return [one["agent"] for one in self.repo.do("agents", "list", "stable", "--wave", wave)]

    def widen(self) -> None:
        """Let a person open the next wave, some hours after the first."""
        self.repo.do("rollout", "promote", "stable", "--not-before", LATER, *BRIEF)
        self.repo.sign_and_publish()


@pytest.fixture
def fleet(real_time, tmp_path):
    """Makes a fleet of hosts by wave, which is then given the waves that are said."""
    return lambda sizes, *waves: Fleet(
        Workspace(shutil.copytree(real_time, tmp_path / "place")), tmp_path / "box", sizes, *waves
    )


def test_three_hosts_go_one_by_one(fleet):
    """One host in each wave: each is heard, a person signs, and the last one completes it."""
    three = fleet({"full": 3}, "--count", "--wave", "canary=1", "--wave", "early=1")
    assert [len(three.hosts(wave)) for wave in ("canary", "early", "full")] == [1, 1, 1]
    three.rollout.tell(three.hosts("canary"), *WELL)
    step = three.rollout.advance()
    assert (step["action"], step["text"]) == ("ask", "all 1 hosts are well; so few need a person who signs")
    three.repo.do("unstage", "agent.stable.early")
    three.widen()
    three.rollout.tell(three.hosts("early"), *WELL, after=timedelta(hours=7))
    assert (three.rollout.advance()["wave"], three.rollout.orders()["full"]["version"]) == ("early", "1.5.0")


def test_one_failure_of_one_goes_no_further(fleet):
    """The only canary went back: nobody halts on one host, and nobody goes on by himself either."""
    three = fleet({"full": 3}, "--count", "--wave", "canary=1", "--wave", "early=1")
    three.rollout.tell(three.hosts("canary"), *BACK)
    step = three.rollout.advance()
    assert (step["action"], step["rule"], step["staged"]) == ("wait", "failure", [])


def test_twelve_hosts_in_counted_waves(fleet):
    """One, three and eight: the second failure in early halts the rollout everywhere."""
    twelve = fleet({"full": 12}, "--count", "--wave", "canary=1", "--wave", "early=3")
    twelve.rollout.tell(twelve.hosts("canary"), *WELL)
    twelve.widen()
    early = twelve.hosts("early")
    twelve.rollout.tell(early[:2], *WELL, after=timedelta(hours=7))
    twelve.rollout.tell(early[2:], *WELL[:1], after=timedelta(hours=7))
    assert twelve.rollout.advance()["rule"] == "unheard"
    twelve.rollout.tell(early[1:], *BACK, after=timedelta(hours=8))
    step = twelve.rollout.advance("--publish")
    assert (step["action"], step["staged"]) == ("halt", ["agent.stable.brake"])
    assert "2 of 3 hosts failed" in twelve.repo.do("rollout", "status", "stable")["brake"]["reason"]


def test_twelve_hosts_in_percentages_are_told_to_be_counted(fleet):
    """With nobody of twelve in canary the gate stays shut and says which command puts somebody there."""
    twelve = fleet({"full": 12})
    twelve.rollout.tell(twelve.hosts("full"), {"stage": "heartbeat"})
    step = twelve.rollout.advance()
    assert (step["action"], step["rule"]) == ("wait", "nobody")
    assert "--count --wave canary=1" in step["text"]


def test_a_hundred_and_fifty_hosts(fleet):
    """Ten by count: everybody must be well, one silent host holds it, and then a person signs."""
    some = fleet({"full": 150}, "--count", "--wave", "canary=10", "--wave", "early=40")
    canary = some.hosts("canary")
    some.rollout.tell(canary[:9], *WELL)
    some.rollout.tell(canary[9:], *WELL[:1])
    assert some.rollout.advance()["rule"] == "unheard"
    some.rollout.tell(canary[9:], *WELL[1:])
    step = some.rollout.advance("--publish")
    assert (step["action"], step["staged"], step["signed"]) == ("ask", ["agent.stable.early"], [])
    assert step["counts"]["ok"] == 10


def test_five_thousand_hosts(fleet):
    """250 canaries are enough for a statistic: the job opens the next wave, signs and publishes."""
    many = fleet({"canary": 250, "early": 1_000, "full": 3_750})
    canary = many.hosts("canary")
    assert len(canary) == 250
    many.rollout.tell(canary, *WELL)
    step = many.rollout.advance("--publish")
    assert (step["action"], step["signed"]) == ("open", ["agent.stable.early"])
    assert step["counts"]["ok"] == len(canary)
