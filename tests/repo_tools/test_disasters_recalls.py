"""What the checks about recalls and selections prevent: hosts that swing for ever, or stay behind."""

import shutil

from msgspec.structs import force_setattr

from agent.resolve import Facts
from agent.withdrawal import withdrawn
from metadata.decide import decide
from metadata.facts import Decision, Directed, Host
from repo_tools.checks import selections
from repo_tools.checks.facts import gather
from repo_tools.checks.reopening import reopened
from repo_tools.explain import documents, explain
from tests.agent.forge import Forge
from tests.support.audits import serious
from tests.support.disasters import CANARY, RELEASES, SELECTED, Danger, disaster
from tests.support.workspace import CHANNEL, HERE, PRODUCT, Workspace


def recalled(danger: Danger) -> None:
    """Publish 1.5.0, and stage the way back from it."""
    danger.work.publish_release("1.5.0")
    danger.work.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")


@disaster("recalls")
def test_a_recall_without_an_end_calls_back_what_nobody_has_built_yet(danger):
    """Agents and tools cannot even read it; a host that did would come down from a release of next year."""
    danger.work.add("1.6.0")
    danger.work.sign_and_publish()
    recalled(danger)
    bounded = newer(danger, "<=1.5.0")
    assert (bounded.action, bounded.rule) == ("stay", "ahead")
    unbounded = newer(danger, ">=1.5.0")
    assert (unbounded.action, unbounded.version) == ("recall", "1.4.2")
    danger.reword(recall={"from": ">=1.5.0", "until": None, "reason": ""})
    for command, code in (("check", 17), ("sign", 10), ("status", 10)):
        result = danger.work.run(command)
        assert result.exit_code == code
        assert "recall from '>=1.5.0' has no upper bound" in result.stdout + result.stderr


def newer(danger: Danger, versions: str) -> Decision:
    """Return what a canary that runs 1.6.0 would decide, if it could read a recall from ``versions``."""
    desk, state, host = danger.work.desk(), danger.state(), danger.host("canary")
    here = Host(host, PRODUCT, CHANNEL, HERE, running="1.6.0", highest_seq=2)
    directed = explain(desk, state.channel, here, danger.now).directed
    assert directed is not None
    assert directed.order.recall is not None
    force_setattr(directed.order.recall, "from_versions", versions)  # past what reading it refuses
    releases = documents(state.catalog, directed.order, here.running)
    return decide(here, state.policy, directed, state.brake, releases, danger.now, danger.now)


@disaster("recalls")
def test_a_recall_to_itself_gives_up_what_it_sends_hosts_to(danger):
    """Hosts go back, and are told during the trial that what they try is called back, too."""
    recalled(danger)
    danger.reword(recall={"from": "<=1.5.0", "until": None, "reason": ""})
    assert "stable-0003 recalls 1.4.2 to itself" in danger.refusal()
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.5.0")["decision"]
    assert (decided["action"], decided["version"]) == ("recall", "1.4.2")
    state = danger.state()
    order, document = state.waves[0].order, state.waves[0].document
    directed = Directed(order, "canary", document.sha256)
    releases = documents(state.catalog, order, "1.5.0")
    facts = Facts(state.policy, directed, state.brake, releases, danger.now, None)
    said = withdrawn(facts, state.catalog.release("1.4.2"), "1.4.2", danger.now)
    assert said == "1.4.2 is recalled: no reason given"


@disaster("recalls")
def test_a_recall_below_its_own_base_swings_for_ever(danger):
    """The recall sends hosts down, and the base of the same order sends them up again at once."""
    recalled(danger)
    pointer = danger.state().catalog.pointer("1.5.0")
    danger.reword(base={"version": pointer.version, "sha256": pointer.sha256})
    assert "stable-0003 recalls to 1.4.2, below its base 1.5.0" in danger.refusal()
    danger.publish_anyway()
    host = danger.host("canary")
    down, up = (danger.decision(host, running)["decision"] for running in ("1.5.0", "1.4.2"))
    assert (down["action"], down["version"]) == ("recall", "1.4.2")
    assert (up["action"], up["version"]) == ("update", "1.5.0")


@disaster("recalls")
def test_a_recall_forward_updates_hosts_that_never_had_what_is_recalled(danger):
    """An order is reworded, past the tool that refuses it: hosts go up, and nothing was tried before."""
    danger.work.publish_release("1.5.0", strategy="manual")
    danger.work.do("rollout", "pause", "stable")
    danger.reword(recall={"from": "==1.4.2", "until": None, "reason": ""}, state="go")
    assert "stable-0002 recalls forward, to 1.5.0" in danger.refusal()
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.4.2")["decision"]
    assert (decided["action"], decided["version"]) == ("update", "1.5.0")


@disaster("nowhere")
def test_a_recall_to_what_is_gone_moves_nobody(danger):
    """A release that is not listed any more cannot be gone back to."""
    recalled(danger)
    with danger.change(RELEASES) as signed:
        for path in [path for path in signed.targets if "/1.4.2/" in path]:
            del signed.targets[path]
    assert f"{CANARY}: its order 1.4.2 is no live release" in danger.refusal()
    danger.publish_anyway()
    decided = danger.decision(danger.host("canary"), "1.5.0")["decision"]
    assert decided["action"] == "refuse"


@disaster("forgotten")
def test_a_selection_that_a_recall_forgot_keeps_its_hosts_on_bad_code(danger):
    """Picked hosts read their own order first; nobody told them to go back."""
    danger.work.publish_release("1.5.0")
    host = danger.host("full")
    Forge(danger.work).select(host, "1.5.0", not_after="2027-01-01T00:00:00Z")
    danger.wait(minutes=1)
    danger.work.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    danger.work.do("unstage", SELECTED)
    assert "still orders 1.5.0, which stable-0003 recalls" in danger.refusal()
    danger.publish_anyway()
    told = danger.decision(host, "1.5.0")
    assert (told["wave"], told["decision"]["rule"]) == ("selected", "current")
    others = danger.decision(danger.host("early"), "1.5.0")["decision"]
    assert (others["action"], others["version"]) == ("recall", "1.4.2")


@disaster("forgotten")
def test_a_selection_that_a_start_forgot_stays_behind(danger):
    """The fleet moves on; the batch from last month does not."""
    host = danger.host("full")
    Forge(danger.work).select(host, "1.4.2", not_after="2027-01-01T00:00:00Z")
    danger.work.add("1.5.0")
    danger.work.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate")
    danger.work.do("unstage", SELECTED)
    assert "stays at 1.4.2 when stable-0002 goes to 1.5.0" in danger.refusal()
    danger.publish_anyway()
    assert danger.decision(host, "1.4.2")["order"]["version"] == "1.4.2"


@disaster("forgotten")
def test_a_selection_that_a_promotion_forgot_stays_behind(danger):
    """A batch that was picked between two waves is passed over by the next one."""
    danger.work.publish_release("1.5.0", strategy="manual")
    host = danger.host("early")
    Forge(danger.work).select(host, "1.4.2", not_after="2027-01-01T00:00:00Z")
    danger.work.do("rollout", "promote", "stable")
    danger.work.do("unstage", SELECTED)
    assert "stays at 1.4.2 when stable-0002 goes to 1.5.0" in danger.refusal()
    danger.publish_anyway()
    assert danger.decision(host, "1.4.2")["decision"]["rule"] == "current"


@disaster("unfit")
def test_a_selection_from_before_a_recall_starts_what_was_recalled(danger):
    """Somebody recalls a release on another machine; a batch that was prepared before goes past that."""
    danger.work.publish_release("1.5.0", strategy="manual")
    on_call = Workspace(danger.work.base, danger.now)
    on_call.folder = shutil.copytree(danger.work.folder, danger.work.base / "on-call")
    host = danger.host("canary")
    danger.work.do("agents", "select", "stable", "1.5.0", "--id", host)
    on_call.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    on_call.sign_and_publish()
    assert "stable-0003, a selection of hosts, orders 1.5.0, which is recalled" in danger.refusal()
    danger.publish_anyway()
    told = danger.decision(host, "1.4.2")
    assert (told["wave"], told["decision"]["rule"], told["decision"]["version"]) == (
        "selected",
        "update",
        "1.5.0",
    )


def test_a_live_selection_of_what_was_revoked_stands_in_no_other_change(danger):
    """Only a warning once it is published: the brake, and the revocation itself, must be possible at once."""
    danger.work.publish_release("1.5.0")
    danger.work.promote()
    danger.work.do("release", "revoke", "1.4.2")
    danger.work.sign_and_publish()
    Forge(danger.work).select("host-1", "1.4.2", not_after="2027-01-01T00:00:00Z")
    found = selections.unfit(gather(danger.work.desk(), publishing=True))
    assert [(one.level, one.text) for one in found] == [
        ("warning", "batch-1, a selection of hosts, orders 1.4.2, which is revoked")
    ]


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


def withdraw(danger: Danger) -> None:
    """Bring every host to 1.5.0, and revoke 1.4.2 and everything below it."""
    danger.work.publish_release("1.5.0")
    danger.work.promote()
    danger.work.do("release", "revoke", "1.4.2", "--below", "--reason", "CVE-2026-0001")
    danger.work.sign_and_publish()


@disaster("reopened")
def test_an_old_policy_that_comes_back_lets_old_holes_in(danger):
    """A recovery goes back to a version from before the hole was known; pins to it count again."""
    withdraw(danger)
    host = ("--agent", danger.host("full"), "--running", "1.4.2", "--platform", HERE)
    pinned = ("explain", danger.work.store, "--root", danger.work.root_file, *host, "--pin", "==1.4.2")
    assert danger.work.do(*pinned)["decision"]["rule"] == "base"
    danger.work.do("key", "new", "fresh", "--no-passphrase")
    back = ("--compromised", "--new", "fresh", "--good", "agent.stable=1")
    danger.work.do("key", "revoke", "rollouts", *back)
    said = danger.refusal()
    assert "agent.stable lets its floor go back from 1 to 0" in said
    assert "agent.stable no longer revokes 1.4.2 (CVE-2026-0001)" in said
    danger.publish_anyway()
    assert danger.work.do(*pinned)["decision"]["rule"] == "pinned"


def test_a_revocation_that_is_lifted_is_named_to_everybody(danger):
    """Whoever lifts it on purpose may; the check warns, and the auditor reads it for good."""
    withdraw(danger)
    danger.work.do("release", "revoke", "1.4.2", "--lift")
    (found,) = reopened(gather(danger.work.desk(), publishing=True))
    text = "agent.stable no longer revokes 1.4.2 (CVE-2026-0001)"
    assert (found.level, found.text) == ("warning", f"{text}: hosts may start it again")
    danger.work.sign_and_publish()
    (told,) = serious(danger.work)["reopened"]
    assert text.removeprefix("agent.stable ") in told["text"]
    danger.work.do("release", "revoke", "1.4.2")
    danger.work.sign_and_publish()
    assert len(serious(danger.work)["reopened"]) == 1
