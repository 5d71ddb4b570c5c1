"""What the checks about orders prevent: published anyway, each of these leaves hosts where nobody wants."""

import json

import pytest

from repo_tools.checks import selections
from repo_tools.checks.facts import gather
from repo_tools.checks.orders import spreads
from tests.agent.forge import Forge
from tests.support.disasters import BASE, CANARY, CHANNEL, RELEASES, Danger


@pytest.fixture
def danger(rolled, tmp_path):
    """A sound repository, with 1.4.2 everywhere."""
    return Danger(rolled, tmp_path / "clients")


def started(danger: Danger, version: str = "1.5.0") -> None:
    """Stage a release for the canaries."""
    danger.work.add(version)
    danger.work.do("rollout", "start", "stable", version)


def reword(danger: Danger, **fields: object) -> None:
    """Change fields of every staged order of the canaries."""
    with danger.change(CANARY) as signed:
        for target in signed.targets.values():
            target.custom["tidegate"].update(fields)


def test_a_wave_that_is_larger_than_it_says_exposes_hosts(danger):
    """Half of the fleet would take what 5 % were meant to try."""
    with danger.change(CHANNEL) as signed:
        signed.delegations.roles[CANARY].paths = [f"{BASE}/{digit}" for digit in "01234567"]
    assert "canary reaches 50.00 %, the policy says 5 %" in danger.refusal()
    danger.publish_anyway()
    started(danger)
    danger.publish_anyway()
    hosts = [f"host-{number}" for number in range(40)]
    exposed = [host for host in hosts if danger.decision(host, "1.4.2")["decision"]["version"] == "1.5.0"]
    assert len(exposed) > 10


def test_a_route_that_is_left_out_hands_its_hosts_to_another_wave(danger):
    """A canary whose route says nothing falls through to everybody's order."""
    started(danger)
    host = danger.host("canary")
    route = danger.decision(host)["route"]
    with danger.change(CANARY) as signed:
        del signed.targets[f"{BASE}/{route}"]
    assert f"differ on 1 routes: {BASE}/{route}" in danger.refusal()
    danger.publish_anyway()
    told = danger.decision(host, "1.4.2")
    assert (told["wave"], told["order"]["version"]) == ("full", "1.4.2")


def test_routes_that_disagree_split_a_wave(danger):
    """Two hosts of one wave would run two versions, and no report could say which is the wave's."""
    started(danger)
    with danger.change(CANARY) as signed:
        next(iter(signed.targets.values())).custom["tidegate"]["state"] = "hold"
    assert "says 2 different things on its routes" in danger.refusal()


def test_a_document_that_changes_makes_agents_refuse_it(danger):
    """Whoever installed 1.4.2 yesterday and whoever installs it today would run different things."""
    name = "releases/agent/1.4.2/release.json"
    desk = danger.work.desk()
    before = desk.tree.view(RELEASES).entries[name]
    changed = {**json.loads(desk.contents.read(before)), "trial_s": 1}
    with desk.tree.edit(RELEASES) as draft:
        draft.put(desk.contents.stage(name, json.dumps(changed).encode()))
    assert "changed after it was published" in danger.refusal()
    client, host = danger.client("one"), danger.host("full")
    then = danger.reads(client, name)
    danger.publish_anyway()
    assert danger.reads(client, name) != then
    assert danger.decision(host)["decision"]["rule"] == "disagree"


def test_what_documents_say_is_text_for_every_terminal(danger):
    """Whoever can sign an order could otherwise clear the screen of whoever reads it, and draw another."""
    started(danger)
    reword(danger, rollout="\x1b[2J\x1b[1;1Hstable-0002\nnext: tidegate publish\u202e")
    for command in (("rollout", "status", "stable"), ("status",), ("brake", "stable", "--rollout", "x")):
        result = danger.work.run(*command)
        said = result.stdout + result.stderr
        assert all(char.isprintable() for line in said.split("\n") for char in line)
        assert "\nnext: tidegate publish\\u202e" not in said
    assert "\\x1b[2J" in danger.work.run("rollout", "status", "stable").stdout


def test_an_order_to_no_release_stops_its_wave(danger):
    """Every host of the wave refuses, and would refuse the brake's end, too."""
    started(danger)
    reword(danger, version="9.9.9")
    assert "its order 9.9.9 is no live release" in danger.refusal()
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["action"], decided["rule"]) == ("refuse", "disagree")


def test_an_order_for_another_wave_is_refused_by_its_own(danger):
    """Agents hold a wave to its name; an order that was copied is an order for nobody."""
    started(danger)
    reword(danger, wave="early")
    assert "carries an order for agent/stable, wave early" in danger.refusal()
    danger.publish_anyway()
    assert danger.decision(danger.host("canary"), "1.4.2")["decision"]["rule"] == "foreign"


def test_a_barrier_that_leads_nowhere_strands_its_hosts(danger):
    """They wait for a release on the way that is not there."""
    danger.work.add("1.4.9")
    danger.work.add("1.5.0", None, "--requires", ">=1.4.9", "--via", "1.4.9")
    danger.work.do("rollout", "start", "stable", "1.5.0")
    with danger.change(RELEASES) as signed:
        for path in [path for path in signed.targets if "/1.4.9/" in path]:
            del signed.targets[path]
    assert "leads through 1.4.9, which is no live release" in danger.refusal()
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert decided["action"] == "refuse"


def test_a_barrier_with_no_way_in_leaves_a_wave_where_it_is(danger):
    """The canaries run 1.4.2; what they are to run is for 1.4.9 and above, and nothing leads there."""
    danger.work.add("1.5.0", None, "--requires", ">=1.4.9")
    danger.work.do("rollout", "start", "stable", "1.5.0")
    said = danger.refusal()
    assert f"{CANARY} runs 1.4.2, and 1.5.0 requires >=1.4.9: its hosts would be stuck" in said
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["action"], decided["rule"]) == ("refuse", "barrier")


def test_a_spread_that_is_cut_off_never_starts_its_last_hosts(danger):
    """The order ends before everybody's turn has come; a week later some still wait."""
    started(danger)
    reword(danger, spread_s=30 * 86_400)
    found = [one.text for one in spreads(gather(danger.work.desk(), publishing=True))]
    assert found
    assert "none may start after 604800 s" in found[0]
    danger.publish_anyway()
    waits = (danger.decision(host, "1.4.2") for host in (f"host-{number}" for number in range(10_000)))
    last = next(one for one in waits if one["wave"] == "canary" and float(one["fraction"]) > 0.5)
    assert last["decision"]["rule"] == "not_yet"
    assert last["decision"]["until"] > last["order"]["not_after"]


def test_a_barrier_that_is_a_loop_never_ends(danger):
    """Two releases that each send hosts to the other first."""
    danger.work.add("1.4.9")
    danger.work.add("1.5.0", None, "--requires", ">=1.4.9", "--via", "1.4.9")
    danger.work.do("rollout", "start", "stable", "1.5.0")
    desk = danger.work.desk()
    entries = desk.tree.view(RELEASES).entries
    older = entries["releases/agent/1.4.9/release.json"]
    newer = entries["releases/agent/1.5.0/release.json"]
    loop = {
        **json.loads(desk.contents.read(older)),
        "requires": ">=1.5",
        "via": {"version": "1.5.0", "sha256": newer.sha256},
    }
    with desk.tree.edit(RELEASES) as draft:
        draft.put(desk.contents.stage(older.path, json.dumps(loop).encode()))
    said = danger.refusal()
    assert "leads through" in said or "loop" in said


def test_a_recall_without_an_end_is_not_even_read(danger):
    """It would call back what nobody has built yet; agents refuse it, and so does publishing."""
    danger.work.publish_release("1.5.0")
    danger.work.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    reword(danger, recall={"from": ">=1.5.0", "until": None, "reason": ""})
    for command in ("check", "sign", "status"):
        result = danger.work.run(command)
        assert result.exit_code == 10
        assert "has no upper bound" in result.stderr


def test_a_recall_to_itself_leads_nowhere(danger):
    """Hosts would go back to what they run."""
    danger.work.publish_release("1.5.0")
    danger.work.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    reword(danger, recall={"from": "<=1.5.0", "until": None, "reason": ""})
    assert "recalls 1.4.2 to itself" in danger.refusal()


def test_a_recall_to_what_is_gone_moves_nobody(danger):
    """A release that was retired cannot be gone back to."""
    danger.work.publish_release("1.5.0")
    danger.work.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    with danger.change(RELEASES) as signed:
        for path in [path for path in signed.targets if "/1.4.2/" in path]:
            del signed.targets[path]
    assert "1.4.2 is no live release" in danger.refusal()
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.5.0")["decision"]
    assert decided["action"] == "refuse"


def test_a_selection_that_a_recall_forgot_keeps_its_hosts_on_bad_code(danger):
    """Picked hosts read their own order first; nobody told them to go back."""
    danger.work.publish_release("1.5.0")
    host = danger.host("full")
    Forge(danger.work).select(host, "1.5.0", not_after="2027-01-01T00:00:00Z")
    danger.wait(minutes=1)
    danger.work.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    assert "still orders 1.5.0, which stable-0003 recalls" in danger.refusal()
    danger.publish_anyway()
    told = danger.decision(host, "1.5.0")
    assert (told["wave"], told["decision"]["rule"]) == ("selected", "current")
    others = danger.decision(danger.host("early"), "1.5.0")["decision"]
    assert (others["action"], others["version"]) == ("recall", "1.4.2")


def test_a_selection_that_a_start_forgot_stays_behind(danger):
    """The fleet moves on; the batch from last month does not."""
    host = danger.host("full")
    Forge(danger.work).select(host, "1.4.2", not_after="2027-01-01T00:00:00Z")
    danger.work.add("1.5.0")
    danger.work.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate")
    assert "stays at 1.4.2 when stable-0002 goes to 1.5.0" in danger.refusal()
    danger.publish_anyway()
    assert danger.decision(host, "1.4.2")["order"]["version"] == "1.4.2"


def test_a_selection_that_has_ended_or_is_ahead_stands_in_nobodys_way(danger):
    """Only what leaves hosts behind is refused."""
    danger.work.add("1.5.0")
    danger.work.add("1.6.0")
    danger.work.sign_and_publish()
    forge = Forge(danger.work)
    forge.select(danger.host("full"), "1.6.0")
    forge.select("host-1", "1.4.2", not_after="2026-11-22T11:00:00Z")
    danger.work.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate")
    facts = gather(danger.work.desk(), publishing=True)
    assert not list(selections.forgotten(facts))


def test_a_file_that_nobody_stored_is_missed_before_it_is_listed(danger):
    """A route that leads to a release document which is not there breaks every download."""
    Forge(danger.work).select(danger.host("full"), "1.4.2")
    danger.work.add("1.5.0")
    danger.work.do("sign")
    result = danger.work.run("publish")
    assert result.exit_code == 17
    assert "is not there" in result.stderr


def test_a_repository_that_nobody_refreshes_starts_nothing(danger):
    """Monitoring hears of it a day before agents would refuse everything."""
    danger.wait(hours=25)
    result = danger.work.run("--json", "check")
    assert result.exit_code == 17
    assert "start nothing: the timestamp was signed 25 hours ago" in str(result.json["findings"])
    assert danger.decision(danger.host("full"), "1.4.1")["decision"]["rule"] in {"base", "stale", "update"}
    danger.work.do("refresh")
    assert danger.work.run("check").exit_code == 0
