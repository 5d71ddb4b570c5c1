"""Two real products on one host, both with something new at the same time: turns, needs, and a way back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agent.scene import QUICK, Scene
from tests.agent.test_crashes import dies_in
from tests.support.host import Host
from tests.support.product import build
from tests.support.workspace import HERE

NEEDS = 'needs = { agent = ">=1.1" }'
SWITCHES = {"update_install", "update_healthcheck", "update_rollback"}


@dataclass
class Pair:
    """``agent``, which the scene knows, and ``relay``, with a service and a port of its own."""

    scene: Scene
    relay: Host

    @property
    def host(self) -> Host:
        """The host, whose settings name both."""
        return self.scene.host

    @property
    def runs(self) -> tuple[str | None, str | None]:
        """What answers for each."""
        return self.host.runs, self.relay.runs

    def settle(self, needs: str = "") -> None:
        """Write the settings of both, ``relay`` first."""
        self.host.write_settings()
        self.relay.settings = self.relay.folder / "agent.toml"
        self.relay.write_settings(needs)
        top, mark, agent = self.host.settings.read_text().partition("[[product]]")
        relay = self.relay.settings.read_text().partition(mark)[2]
        self.host.settings.write_text(f"{top}{mark}{relay}\n{mark}{agent}")
        self.relay.settings = self.host.settings

    def offer(self, agent: str, relay: str, behaviour: str = "good") -> None:
        """Publish a release of each at once; that of ``agent`` may be a bad one."""
        repo = self.scene.repo
        limit = ("--start-s", "20" if behaviour == "good" else "1")
        self.scene.add(agent, behaviour, "--product", "agent", *limit)
        tree = build(repo.base / "builds", relay)
        repo.do("release", "add", relay, tree, "--platform", HERE, "--product", "relay", *QUICK)
        for channel, version in (("agent/stable", agent), ("relay/stable", relay)):
            repo.do("rollout", "start", channel, version, "--strategy", "immediate")
        repo.sign_and_publish()

    def decisions(self) -> dict[str, str]:
        """Return the rule by which each was decided last."""
        entries = self.host.run("status", "--json").json["products"]
        return {one["name"]: one["decision"]["rule"] for one in entries}

    def switches(self) -> list[tuple[str, str, str]]:
        """Return (product, stage, outcome) of what changed something, oldest first."""
        rows = self.host.query("SELECT product, stage, outcome FROM event ORDER BY id")
        return [(product, stage, outcome) for product, stage, outcome in rows if stage in SWITCHES]


@pytest.fixture
def pair(scene: Scene, tmp_path: Path) -> Iterator[Pair]:
    """A host that runs 1.0.0 of one product and 2.0.0 of the other."""
    scene.repo.do("product", "add", "relay", "--wave", "canary=id:host-1", "--wave", "full=100")
    scene.enroll()
    relay = Host(tmp_path / "relay", product="relay")
    relay.state, relay.root = scene.host.state, scene.host.root
    both = Pair(scene, relay)
    both.settle()
    both.offer("1.0.0", "2.0.0")
    done = scene.host.tick()
    assert both.runs == ("1.0.0", "2.0.0"), done.stderr
    yield both
    relay.close()


def test_the_second_goes_when_the_first_has_come_to_its_end(pair):
    """Both are ordered something new at once, and no switch begins while the other is on trial."""
    before = len(pair.switches())
    pair.offer("1.1.0", "2.1.0")
    dies_in(pair.relay, "ON_TRIAL")
    done = pair.host.run("update", "--product", "agent")
    assert (done.exit_code, pair.decisions()["agent"]) == (0, "trial"), done.stderr
    assert "1.1.0 waits until relay is no longer on trial" in done.stdout
    pair.host.eventually(lambda: pair.runs == ("1.0.0", "2.1.0"))
    assert pair.host.versions == ["1.0.0", "1.1.0"]  # made ready meanwhile
    pair.host.tick()
    assert pair.runs == ("1.1.0", "2.1.0")
    assert pair.switches()[before:] == [
        ("relay", "update_install", "ok"),
        ("relay", "update_healthcheck", "ok"),
        ("agent", "update_install", "ok"),
        ("agent", "update_healthcheck", "ok"),
    ]


def test_what_is_needed_goes_first_and_what_goes_back_holds_the_other_up(pair):
    """The needed product has the first turn wherever it stands in the settings; when it fails, both stay."""
    pair.settle(NEEDS)
    before = len(pair.switches())
    pair.offer("1.1.0", "2.1.0", "unhealthy")
    pair.host.tick()
    assert (pair.runs, pair.decisions()) == (("1.0.0", "2.0.0"), {"agent": "quarantined", "relay": "needs"})
    assert "2.1.0 waits until agent is >=1.1; 1.0.0 runs here" in pair.host.run("status").stdout
    assert {product for product, *_ in pair.switches()[before:]} == {"agent"}
    pair.offer("1.1.1", "2.1.1")
    pair.host.tick()
    assert pair.runs == ("1.1.1", "2.1.1")
    assert [product for product, *_ in pair.switches()[-4:]] == ["agent", "agent", "relay", "relay"]


def test_one_that_goes_back_keeps_no_other_that_does_not_need_it(pair):
    """Without needs each product is tried for itself, one after the other."""
    pair.offer("1.1.0", "2.1.0", "unhealthy")
    pair.host.tick()
    assert (pair.runs, pair.decisions()) == (("1.0.0", "2.1.0"), {"agent": "quarantined", "relay": "current"})
