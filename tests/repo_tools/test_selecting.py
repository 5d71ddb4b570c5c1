"""A batch of hosts by their ids, or by what they reported: how it begins, goes before the waves, and ends."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from metadata.places import pick_route
from repo_tools.rollouts.state import read_state
from tests.support.chorus import BACK, SWITCHED
from tests.support.collection import Collection
from tests.support.wave import Underway
from tests.support.workspace import Workspace

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


def picked(work, *, published=False):
    """Return the versions that single hosts are ordered to run, by their routes."""
    desk = work.desk().published() if published else work.desk()
    return {route: order.version for route, order in read_state(desk, desk.only_channel()).picked.items()}


def test_a_batch_goes_before_every_wave(rolled):
    """Two hosts are ordered a release that no wave runs; they follow it, and nobody else."""
    rolled.add("1.5.0")
    rolled.do("agents", "select", "stable", "1.5.0", "--id", "host-1", "--id", "host-2", "--reason", "asked")
    rolled.sign_and_publish()
    assert picked(rolled, published=True) == {pick_route("host-1"): "1.5.0", pick_route("host-2"): "1.5.0"}
    rules = {
        name: rolled.do("agents", "explain", name, "--running", "1.4.2")["decision"]["rule"]
        for name in ("host-1", "host-3")
    }
    assert rules == {"host-1": "update", "host-3": "current"}
    rolled.do("agents", "select", "stable", "1.5.0", "--id", "host-3")
    assert len(picked(rolled)) == 3
    rolled.do("agents", "select", "stable", "--clear")
    assert picked(rolled) == {}
    rolled.sign_and_publish()
    assert rolled.do("agents", "explain", "host-1", "--running", "1.5.0")["decision"]["rule"] == "ahead"


def test_a_batch_needs_neither_channel_nor_version(rolled):
    """Where there is one channel, hosts are ordered the newest release that is public and not withdrawn."""
    rolled.add("1.5.0")
    rolled.do("agents", "select", "--id", "host-1")
    assert set(picked(rolled).values()) == {"1.4.2"}
    rolled.do("agents", "select", "1.5.0", "--id", "host-1")
    assert set(picked(rolled).values()) == {"1.5.0"}
    rolled.sign_and_publish()
    rolled.do("agents", "select", "stable", "--id", "host-2")
    assert picked(rolled) == {pick_route("host-1"): "1.5.0", pick_route("host-2"): "1.5.0"}
    rolled.do("agents", "select", "stable", "--clear")
    rolled.do("release", "revoke", "1.5.0", "--reason", "loses data")
    rolled.do("agents", "select", "--id", "host-2")
    assert picked(rolled) == {pick_route("host-2"): "1.4.2"}


def test_who_signs_a_batch_reads_ids(rolled):
    """Routes do not tell them, so the workspace keeps them; a workspace without them says so."""
    rolled.add("1.5.0")
    select = ("agents", "select", "stable", "1.5.0", "--id", "host-2", "--id", "host-1")
    (said,) = rolled.do(*select, "--dry-run")["changes"]
    assert said.startswith("agent.stable.selected: on hosts host-2, host-1: nothing → 1.5.0 for 2 hosts")
    assert not (rolled.folder / "rollouts" / "hosts.txt").exists()
    rolled.do(*select)
    assert "on hosts host-2, host-1: " in rolled.run("status").stdout
    rolled.sign_and_publish()
    rolled.do("agents", "select", "stable", "--clear")
    assert "orders nothing on hosts host-2, host-1 any more" in rolled.run("status").stdout
    (rolled.folder / "rollouts" / "hosts.txt").write_text("host-1\n")
    lost = f"on host host-1 and route {pick_route('host-2')}, whose ids are not known here any more"
    assert f"orders nothing {lost}" in rolled.run("status").stdout
    (rolled.folder / "rollouts" / "hosts.txt").write_text("no/id\n")
    assert rolled.run("status").exit_code == 10


def test_a_rollout_that_goes_past_a_batch_ends_it(rolled):
    """What the check would refuse does not come about: a start, and a recall, end the batches they pass."""
    for version in ("1.5.0", "1.6.0"):
        rolled.add(version)
    rolled.do("agents", "select", "stable", "1.5.0", "--id", "host-1")
    rolled.sign_and_publish()
    told = rolled.do("rollout", "start", "stable", "1.6.0", "--dry-run")
    assert "agent.stable.selected" in [one["role"] for one in told["signatures"]]
    rolled.do("rollout", "start", "stable", "1.6.0")
    assert picked(rolled) == {}
    rolled.sign_and_publish()


def test_a_batch_of_what_fails(real_time, tmp_path):
    """Hosts that went back are ordered the release that mends it, and then those of a site, and only they."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    rollout = Underway(Collection(repo, tmp_path / "box"), START)
    names = rollout.join("canary", 4)
    abroad = rollout.join("early", 1)
    rollout.tell(names[:2], *BACK, running="1.4.2")
    rollout.tell(names[2:], *SWITCHED, running="1.5.0")
    rollout.tell(abroad, {"stage": "heartbeat"}, running="1.4.2", labels={"site": "fra1"})
    rollout.collection.collect()
    assert [one["agent"] for one in repo.do("agents", "list", "--running", "==1.5.0")] == sorted(names[2:])
    assert {one["agent"]: one["wave"] for one in repo.do("agents", "list")} == {
        **dict.fromkeys(names, "canary"),
        **dict.fromkeys(abroad, "early"),
    }
    repo.add("1.5.1")
    repo.do("agents", "select", "stable", "1.5.1", "--failing", "version", "--reason", "mends the crash")
    assert picked(repo) == {pick_route(name): "1.5.1" for name in names[:2]}
    repo.do("agents", "select", "stable", "1.5.1", "--label", "site=fra1")
    assert set(picked(repo)) == {pick_route(name) for name in [*names[:2], *abroad]}
    repo.sign_and_publish()
    for mistyped in (("--failing", "nothing"), ("--wave", "nothing")):
        refused = repo.run("agents", "select", "stable", "1.5.1", *mistyped)
        assert refused.exit_code == 2
        assert "'nothing'" in refused.stderr
        assert ("quarantined" if "--failing" in mistyped else "canary") in refused.stderr
    stranger = repo.run("fleet", "revoke", "--agent", "nosuch")
    assert stranger.exit_code == 2
    assert "nobody was heard of as nosuch" in stranger.stderr
    assert repo.run("agents", "select", "stable", "1.5.1", "--failing", "malformed").exit_code == 2


def test_hosts_are_known_by_how_their_update_ended(real_time, tmp_path):
    """The disaster: hosts run a bad release, and a recall of those that do finds none until they say so."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    rollout = Underway(Collection(repo, tmp_path / "box"), START)
    names = rollout.join("canary", 3)
    rollout.tell(names[:1], *BACK, from_="1.4.2", running=None)
    rollout.tell(names[1:], *SWITCHED, from_="1.4.2", running=None)
    rollout.collection.collect()
    runs = {one["agent"]: one["running"] for one in repo.do("agents", "list")}
    assert runs == {names[0]: "1.4.2", names[1]: "1.5.0", names[2]: "1.5.0"}
    repo.do(*("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--running", "==1.5.0"))
    assert set(picked(repo)) == {pick_route(name) for name in names[1:]}
    assert [one["agent"] for one in repo.do("agents", "list", "--failing", "unhealthy")] == names[:1]
    strange = repo.run("agents", "select", "stable", "1.5.0", "--id", "host-typo", "--dry-run")
    assert "nobody was heard of as host-typo" in strange.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["1.5.0"], 2, "say which hosts"),
        ([], 2, "say which hosts"),
        (["1.5.0", "--clear"], 2, "leave VERSION out"),
        (["--clear"], 2, "no host is selected"),
        (["9.9.9", "--id", "host-1"], 13, "there is no release 9.9.9"),
        (["1.4.2", "--id", "no such host"], 2, "agent id"),
        (["1.4.2", "--id", ".."], 2, "agent id"),
        (["1.4.2", *(f"--id=host-{number}" for number in range(2_001))], 2, "too many for a batch"),
        (["1.4.2", "--label", "site=fra1"], 13, "nothing was collected"),
    ],
)
def test_mistakes(rolled, arguments, code, says):
    """Each is named, and nothing is staged."""
    done = rolled.run("agents", "select", "stable", *arguments)
    assert (done.exit_code, says in done.stderr) == (code, True), done.stderr
    assert picked(rolled) == {}


def rules(work, running, *names):
    """Return by which rules hosts that run a version decide."""
    return [work.do("agents", "explain", name, "--running", running)["decision"]["rule"] for name in names]


def test_single_hosts_are_called_back(rolled):
    """They stay back while the rollout goes on, and then go with the first wave of what mends it."""
    rolled.publish_release("1.5.0")
    back = ("--from", "==1.5.0", "--reason", "loses data on two")
    rolled.do("rollout", "recall", "stable", "1.4.2", *back, "--id", "host-1", "--id", "host-2")
    rolled.sign_and_publish()
    assert rules(rolled, "1.5.0", "host-1", "host-2", "host-3") == ["recall", "recall", "current"]
    rolled.do("rollout", "promote", "stable", "--early")
    assert set(picked(rolled).values()) == {"1.4.2"}
    rolled.sign_and_publish()
    assert rules(rolled, "1.4.2", "host-1", "host-3") == ["current", "base"]
    rolled.add("1.5.1")
    rolled.do("rollout", "start", "stable", "1.5.1", "--strategy", "immediate")
    assert set(picked(rolled).values()) == {"1.5.1"}
    rolled.sign_and_publish()
    assert rules(rolled, "1.4.2", "host-1", "host-3") == ["update", "base"]


def test_what_is_recalled_is_not_selected(rolled):
    """A batch would go before the recall, and keep its hosts on what loses data; once it ends, it may."""
    rolled.publish_release("1.5.0")
    recall = ("--from", "==1.5.0", "--until", "2d", "--reason", "loses data")
    rolled.do("rollout", "recall", "stable", "1.4.2", *recall)
    rolled.sign_and_publish()
    select = ("agents", "select", "stable", "1.5.0", "--id", "host-1")
    refused = rolled.run(*select)
    assert refused.exit_code == 13
    assert "1.5.0 is recalled by stable-0003 in canary: loses data" in refused.stderr
    assert picked(rolled) == {}
    rolled.do(*select, "--not-before", "2d", "--dry-run")


def test_what_is_below_the_base_is_told(rolled):
    """Hosts refuse to go down without a recall, so the order would wait for nobody, in silence."""
    rolled.add("1.4.1")
    said = rolled.run("agents", "select", "stable", "1.4.1", "--id", "host-1")
    assert said.exit_code == 0
    assert "1.4.1 is below 1.4.2, the base: no host goes there" in said.stderr
    rolled.sign_and_publish()
    assert rolled.do("agents", "explain", "host-1", "--running", "1.4.2")["decision"]["action"] != "update"


def test_a_recall_of_one_wave_tells_of_single_hosts_elsewhere(rolled):
    """The disaster: a batch ends with the recall of canary, and its hosts elsewhere keep what loses data."""
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.do("agents", "select", "stable", "1.5.0", "--id", "host-1", "--id", "host-2")
    staged = rolled.do("rollout", "status", "stable")
    assert (staged["selected"], staged["staged"]["selected"][0]["hosts"]) == ([], ["host-1", "host-2"])
    rolled.sign_and_publish()
    shown = rolled.run("rollout", "status", "stable").stdout
    assert "selected until 2026-11-29 12:00Z: 2 hosts (1.5.0, stable-0003, go): host-1, host-2" in shown
    [live] = rolled.do("rollout", "status", "stable")["selected"]
    assert (live["hosts"], live["order"]["version"]) == (["host-1", "host-2"], "1.5.0")
    recall = ("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    said = rolled.run(*recall, "--wave", "canary", "--dry-run").stderr
    assert (
        "2 selected hosts may run 1.5.0 and follow their waves again: those of early, full stay there" in said
    )
    assert "stay there" not in rolled.run(*recall, "--dry-run").stderr
    assert "staged: no host is selected any more" in rolled.run(*recall).stdout


def test_the_hosts_of_one_wave_are_called_back(rolled):
    """The other waves keep their order; a wave that there is not, and both scopes at once, are mistakes."""
    rolled.publish_release("1.5.0")
    recall = ("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    assert "has no wave 'crew'" in rolled.run(*recall, "--wave", "crew").stderr
    assert "exclude each other" in rolled.run(*recall, "--wave", "canary", "--id", "host-1").stderr
    rolled.do(*recall, "--wave", "canary")
    assert rolled.desk().tree.staged() == ["agent.stable.canary"]
    rolled.sign_and_publish()
    waves = {wave["name"]: wave["order"] for wave in rolled.do("rollout", "status", "stable")["waves"]}
    assert (waves["canary"]["version"], bool(waves["canary"]["recall"])) == ("1.4.2", True)
    assert (waves["full"]["version"], waves["full"]["recall"]) == ("1.5.0", None)
