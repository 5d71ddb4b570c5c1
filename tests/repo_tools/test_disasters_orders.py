"""What the checks about orders prevent: published anyway, each of these leaves hosts where nobody wants."""

import json
import shutil
from typing import Any

from metadata.strict import to_json
from repo_tools.checks import table
from repo_tools.checks.facts import gather
from repo_tools.checks.orders import bases, spreads
from tests.support.disasters import BASE, CANARY, CHANNEL, RELEASES, SELECTED, Danger, disaster
from tests.support.workspace import Workspace


@disaster("shares")
def test_a_wave_that_is_larger_than_it_says_exposes_hosts(danger):
    """Half of the fleet would take what 5 % were meant to try."""
    with danger.change(CHANNEL) as signed:
        signed.delegations.roles[CANARY].paths = [f"{BASE}/{digit}" for digit in "01234567"]
    assert "canary reaches 50.00 %, the policy says 5 %" in danger.refusal()
    danger.publish_anyway()
    danger.start("1.5.0")
    danger.publish_anyway()
    hosts = [f"host-{number}" for number in range(40)]
    exposed = [host for host in hosts if danger.decision(host, "1.4.2")["decision"]["version"] == "1.5.0"]
    assert len(exposed) > 10


@disaster("mixed_routes")
def test_a_route_that_is_left_out_hands_its_hosts_to_another_wave(danger):
    """A canary whose route says nothing falls through to everybody's order."""
    danger.start("1.5.0")
    host = danger.host("canary")
    route = danger.decision(host)["route"]
    with danger.change(CANARY) as signed:
        del signed.targets[f"{BASE}/{route}"]
    assert f"differ on 1 routes: {BASE}/{route}" in danger.refusal()
    danger.publish_anyway()
    told = danger.decision(host, "1.4.2")
    assert (told["wave"], told["order"]["version"]) == ("full", "1.4.2")


@disaster("mixed_routes")
def test_routes_that_disagree_split_a_wave(danger):
    """Two hosts of one wave do two things, and no report could say which is the wave's."""
    danger.start("1.5.0")
    with danger.change(CANARY) as signed:
        (held, order), (other, _) = list(signed.targets.items())[:2]
        order.custom["tidegate"]["state"] = "hold"
    assert "agent.stable.canary says 2 different things on its routes" in danger.refusal()
    danger.publish_anyway()
    hosts = [danger.host_on(path.rpartition("/")[2]) for path in (held, other)]
    told = [danger.decision(host, "1.4.2") for host in hosts]
    assert [one["wave"] for one in told] == ["canary", "canary"]
    assert [one["decision"]["rule"] for one in told] == ["hold", "update"]


@disaster("changed_document")
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
    danger.start("1.5.0")
    danger.reword(rollout="\x1b[2J\x1b[1;1Hstable-0002\nnext: tidegate publish\u202e")
    for command in (("rollout", "status", "stable"), ("status",), ("brake", "stable", "--rollout", "x")):
        result = danger.work.run(*command)
        said = result.stdout + result.stderr
        assert all(char.isprintable() for line in said.split("\n") for char in line)
        assert "\nnext: tidegate publish\\u202e" not in said
    assert "\\x1b[2J" in danger.work.run("rollout", "status", "stable").stdout


@disaster("nowhere")
def test_an_order_to_no_release_stops_its_wave(danger):
    """Every host of the wave refuses, and would refuse the brake's end, too."""
    danger.start("1.5.0")
    danger.reword(version="9.9.9")
    assert "its order 9.9.9 is no live release" in danger.refusal()
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["action"], decided["rule"]) == ("refuse", "disagree")


@disaster("nowhere")
def test_an_order_for_another_wave_is_refused_by_its_own(danger):
    """Agents hold a wave to its name; an order that was copied is an order for nobody."""
    danger.start("1.5.0")
    danger.reword(wave="early")
    assert "carries an order for agent/stable, wave early" in danger.refusal()
    danger.publish_anyway()
    assert danger.decision(danger.host("canary"), "1.4.2")["decision"]["rule"] == "foreign"


@disaster("nowhere")
def test_a_policy_for_another_channel_stops_every_host(danger):
    """A copied policy is a policy for nobody: hosts of every wave refuse whatever they are ordered."""
    reword_policy(danger, channel="beta")
    assert "the policy of agent/stable is for agent/beta: every host refuses it" in danger.refusal()
    danger.publish_anyway()
    assert danger.work.run("check").exit_code == 17
    assert {danger.decision(danger.host(wave))["decision"]["rule"] for wave in ("canary", "full")} == {
        "foreign"
    }


@disaster("bases")
def test_a_base_above_its_order_goes_past_the_brake(danger):
    """With one wave's key, hosts go to what somebody holds; published, it keeps nobody from a brake."""
    danger.work.add("1.6.0")
    danger.work.do("brake", "stable", "--version", "1.6.0")
    danger.start("1.5.0")
    danger.reword(base=to_json(danger.state().catalog.pointer("1.6.0")))
    said = danger.refusal()
    assert "agent.stable.canary orders 1.5.0 with the base 1.6.0, where hosts go at once" in said
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["rule"], decided["version"]) == ("base", "1.6.0")
    assert danger.work.run("check").exit_code == 17
    danger.work.do("brake", "stable", "--rollout", "stable-0002")
    danger.work.sign_and_publish()


def test_selected_hosts_may_be_ordered_below_their_base(danger):
    """They do not go there, as was said when they were selected; a recall takes its base down."""
    danger.work.publish_release("1.5.0")
    danger.work.do("rollout", "promote", "stable", "--early")
    danger.work.sign_and_publish()
    assert not list(bases(gather(danger.work.desk(), publishing=True)))
    danger.work.do("agents", "select", "stable", "1.4.2", "--id", "host-1")
    (found,) = bases(gather(danger.work.desk(), publishing=True))
    assert (found.level, found.role) == ("warning", SELECTED)
    danger.work.do("unstage", "--all")
    danger.work.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    assert not list(bases(gather(danger.work.desk(), publishing=True)))


@disaster("braked")
def test_an_order_from_before_the_brake_goes_past_it(danger):
    """Somebody pulls the brake on another machine, and believes that nothing starts any more."""
    danger.work.publish_release("1.5.0", strategy="manual")
    danger.wait(minutes=10)
    on_call = Workspace(danger.work.base, danger.now)
    on_call.folder = shutil.copytree(danger.work.folder, danger.work.base / "on-call")
    danger.start("1.6.0")
    danger.wait(minutes=10)
    on_call.now = danger.now
    on_call.do("brake", "stable", "--reason", "crash loops")
    on_call.sign_and_publish()
    danger.wait(minutes=10)
    said = danger.refusal()
    assert "agent.stable.canary would start stable-0003 past the brake, which holds stable-0002" in said
    assert "unstage agent.stable.canary, and order it anew" in said
    danger.publish_anyway()
    assert danger.decision(danger.host("canary"), "1.5.0")["decision"]["rule"] == "update"


@disaster("barriers")
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


@disaster("barriers")
def test_a_barrier_with_no_way_in_leaves_a_wave_where_it_is(danger):
    """The canaries run 1.4.2; what they are to run is for 1.4.9 and above, and nothing leads there."""
    danger.work.add("1.5.0", None, "--requires", ">=1.4.9")
    danger.work.do("rollout", "start", "stable", "1.5.0")
    said = danger.refusal()
    assert f"{CANARY} runs 1.4.2, and 1.5.0 requires >=1.4.9: its hosts would be stuck" in said
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["action"], decided["rule"]) == ("refuse", "barrier")


@disaster("spreads")
def test_a_spread_that_is_cut_off_never_starts_its_last_hosts(danger):
    """The order ends before everybody's turn has come; a week later some still wait."""
    danger.start("1.5.0")
    danger.reword(spread_s=30 * 86_400)
    found = [one.text for one in spreads(gather(danger.work.desk(), publishing=True))]
    assert found
    assert "none may start after 7 d" in found[0]
    danger.publish_anyway()
    waits = (danger.decision(host, "1.4.2") for host in (f"host-{number}" for number in range(10_000)))
    last = next(one for one in waits if one["wave"] == "canary" and float(one["fraction"]) > 0.5)
    assert last["decision"]["rule"] == "not_yet"
    assert last["decision"]["until"] > last["order"]["not_after"]


@disaster("spreads")
def test_an_order_that_ended_before_it_was_published_starts_nobody(danger):
    """Who had to sign it was away for a week; everybody believes that the rollout runs."""
    danger.start("1.5.0")
    danger.wait(days=8)
    found = [one.text for one in spreads(gather(danger.work.desk(), publishing=True))]
    said = "agent.stable.canary: the order ends at 2026-11-29 12:00Z, before any host could start"
    assert found == [said]
    danger.publish_anyway()
    assert danger.decision(danger.host("canary"), "1.4.2")["decision"]["rule"] == "closed"
    assert not list(spreads(gather(danger.work.desk(), publishing=False)))


@disaster("paused")
def test_a_promotion_from_before_the_pause_spreads_what_was_stopped(danger):
    """The canaries crash and somebody pauses; what was prepared before starts the next wave all the same."""
    danger.work.publish_release("1.5.0", strategy="manual")
    danger.work.do("rollout", "promote", "stable")
    danger.work.do("rollout", "pause", "stable", "--wave", "canary", "--reason", "it crashes")
    assert "agent.stable.early would start stable-0002, which is paused in canary" in danger.refusal()
    danger.publish_anyway()
    canary, early = (
        danger.decision(danger.host(wave), "1.4.2")["decision"]["rule"] for wave in ("canary", "early")
    )
    assert (canary, early) == ("hold", "update")


@disaster("barriers")
def test_a_barrier_that_is_a_loop_is_no_way_to_anywhere(danger):
    """Two releases that each send hosts to the other first: no digests close the circle, so hosts refuse."""
    danger.work.add("1.4.9")
    danger.work.add("1.5.0", None, "--requires", ">=1.4.9", "--via", "1.4.9")
    danger.work.do("rollout", "start", "stable", "1.5.0")
    newer = danger.state().catalog.pointer("1.5.0")
    rewrite(danger, "1.4.9", requires=">=1.5", via={"version": "1.5.0", "sha256": newer.sha256})
    assert "1.5.0 leads through another document of 1.4.9" in danger.refusal()
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["action"], decided["rule"]) == ("refuse", "disagree")


@disaster("barriers")
def test_a_way_of_too_many_steps_is_not_taken(danger):
    """Hosts follow eight barriers in a row; a longer way is taken for a loop, and they stay."""
    danger.work.add("1.5.0")
    for number in range(1, 10):
        pointer = danger.state().catalog.pointer(f"1.5.{number - 1}")
        barrier = {
            "requires": f">={pointer.version}",
            "via": {"version": pointer.version, "sha256": pointer.sha256},
        }
        rewrite(danger, "1.5.0", version=f"1.5.{number}", seq=number + 2, **barrier)
    danger.work.do("rollout", "start", "stable", "1.5.9")
    assert "the way to 1.5.9 is a loop or too long" in danger.refusal()
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["action"], decided["rule"]) == ("refuse", "barrier")


def reword_policy(danger: Danger, **fields: Any) -> None:
    """Stage the channel's policy with other fields."""
    desk = danger.work.desk()
    entry = desk.tree.view(CHANNEL).entries[f"{BASE}/policy"]
    policy = {**json.loads(desk.contents.read(entry)), **fields}
    with desk.tree.edit(CHANNEL) as draft:
        draft.put(desk.contents.stage(entry.path, json.dumps(policy).encode()))


def rewrite(danger: Danger, known: str, **fields: Any) -> None:
    """Stage a release document with other fields, under the version that it then has."""
    desk = danger.work.desk()
    document = json.loads(desk.contents.read(danger.state().catalog.entry(known)))
    said = {**document, **fields}
    with desk.tree.edit(RELEASES) as draft:
        path = f"releases/agent/{said['version']}/release.json"
        draft.put(desk.contents.stage(path, json.dumps(said).encode()))


@disaster("withdrawn")
def test_an_order_to_what_is_revoked_moves_nobody(danger):
    """Only a warning, because revoking must be possible at once: hosts refuse until there is another way."""
    danger.work.publish_release("1.5.0")
    reword_policy(danger, revoked=[{"version": "1.5.0", "reason": "it burns"}])
    found = [one.text for one in table.run(gather(danger.work.desk(), publishing=True))]
    assert "agent.stable.canary orders 1.5.0, which agents refuse: revoked: it burns" in found
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["action"], decided["rule"]) == ("refuse", "revoked")
