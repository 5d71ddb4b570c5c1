"""Rollouts: start, widen, complete, hold, go on, brake."""

from datetime import timedelta

import pytest

from tests.support.workspace import HERE


def test_a_rollout_starts_in_the_first_wave_alone(rolled, orders):
    """The strategy `manual` orders the canaries and leaves everybody else as they are."""
    rolled.publish_release("1.5.0", strategy="manual")
    found = orders()
    assert [found[wave]["version"] for wave in ("canary", "early", "full")] == ["1.5.0", "1.4.2", "1.4.2"]
    assert found["canary"]["rollout"] == "stable-0002"
    assert found["canary"]["base"]["version"] == "1.4.2"
    assert found["canary"]["not_after"] == "2026-11-29T12:00:00Z"


def test_promoting_widens_wave_by_wave_and_then_completes(rolled, orders):
    """The last promotion makes the version the base everywhere, without an end, and raises the floor."""
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.promote()
    assert [found["version"] for found in orders().values()] == ["1.5.0", "1.5.0", "1.4.2"]
    rolled.promote()
    assert all(found["not_after"] for found in orders().values())
    rolled.promote()
    for found in orders().values():
        assert found["base"]["version"] == "1.5.0"
        assert found["not_after"] is None
    assert rolled.do("rollout", "status", "stable")["floor_seq"] == 1
    assert rolled.run("rollout", "promote", "stable").exit_code == 2


def test_the_floor_leaves_a_way_back_to_what_ran_before(rolled):
    """A bad release between two good ones does not take the last good one away from a recall."""
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.publish_release("1.5.1", strategy="immediate")
    rolled.promote()
    assert rolled.do("rollout", "status", "stable")["floor_seq"] == 1
    rolled.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.1", "--reason", "leaks")


def test_a_floor_shuts_out_nothing_while_no_rollout_was_completed_before(work):
    """The disaster: a first release that everybody ran is shut out, and one that failed is not."""
    work.publish_release("1.0.0")
    work.publish_release("1.1.0", strategy="manual")
    work.publish_release("1.2.0")
    work.promote()
    assert work.do("rollout", "status", "stable")["floor_seq"] == 1
    back = ("--from", "==1.2.0", "--reason", "leaks", "--dry-run")
    work.do("rollout", "recall", "stable", "1.0.0", *back)


def test_the_floor_stays_below_a_barrier(rolled):
    """A release that hosts must pass through stays startable."""
    rolled.publish_release("1.4.9")
    rolled.promote()
    barrier = ("--requires", ">=1.4.2", "--via", "1.4.2")
    rolled.publish_release("1.5.0", None, *barrier)
    rolled.promote()
    assert rolled.do("rollout", "status", "stable")["floor_seq"] == 1


def test_a_pause_holds_and_resuming_spreads_anew(rolled, orders):
    """After a pause no host is late: the spread begins again."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0", "--spread-s", "1h")
    rolled.sign_and_publish()
    rolled.do("rollout", "pause", "stable", "--reason", "looking")
    rolled.sign_and_publish()
    assert orders()["canary"]["state"] == "hold"
    assert orders()["full"]["state"] == "go"
    assert rolled.run("rollout", "promote", "stable").exit_code == 13
    rolled.now = rolled.now.replace(hour=18)
    said = rolled.run("rollout", "resume", "stable").stderr
    assert "hosts of canary that are left spread anew: over 1 h from 2026-11-22 18:00Z" in said
    found = orders()["canary"]
    assert (found["state"], found["not_before"], found["spread_s"]) == ("go", "2026-11-22T18:00:00Z", 3600)


def test_a_pause_keeps_what_the_rollout_is_for(rolled, orders):
    """Who signs reads both reasons; the one of the pause goes when it does."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0", "--by", "owner@example.com", "--reason", "July release")
    reasons = []
    for words in (
        ("pause", "stable", "--reason", "looking into a crash"),
        ("pause", "stable", "--reason", "it is the network"),
        ("pause", "stable"),
        ("resume", "stable", "--reason", "it was the network"),
        ("pause", "stable", "--reason", "again"),
        ("resume", "stable"),
    ):
        rolled.do("rollout", *words)
        found = orders()["canary"]
        reasons.append(found["reason"])
        assert found["by"] == "owner@example.com"
    assert reasons == [
        "July release; paused: looking into a crash",
        *["July release; paused: it is the network"] * 2,
        "July release; resumed: it was the network",
        "July release; paused: again",
        "July release",
    ]


def test_what_nobody_held_is_said_before_it_goes_on(rolled):
    """Who lets the wrong channel go on would only begin its orders anew, and read that it is done."""
    rolled.publish_release("1.5.0", strategy="manual")
    resume = ("rollout", "resume", "stable")
    assert "nothing is on hold in canary: the orders there only begin anew" in rolled.run(*resume).stderr
    rolled.do("rollout", "pause", "stable")
    assert "nothing is on hold" not in rolled.run(*resume).stderr


def test_what_another_channel_called_back_is_not_started_unsaid(rolled):
    """A version that lost data in stable is the newest that beta is offered."""
    rolled.publish_release("1.5.0")
    rolled.do("channel", "add", "beta")
    rolled.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "loses data")
    said = rolled.run("rollout", "start", "beta", "1.5.0", "--dry-run").stderr
    assert "1.5.0 is recalled in agent/stable" in said


def test_a_rollout_that_waits_for_evidence_that_cannot_come_is_doubted(rolled):
    """The disaster: canary runs the new release for weeks, and nothing ever opens the next wave."""
    rolled.add("1.5.0")
    start = ("rollout", "start", "stable", "1.5.0", "--dry-run", "--strategy")
    told = "no host of agent/stable is told where to report"
    assert told in rolled.run(*start, "gated").stderr
    assert told not in rolled.run(*start, "manual").stderr
    rolled.do("fleet", "reports", "stable", "--url", "https://updates.example.com/reports")
    assert told not in rolled.run(*start, "gated").stderr


def test_a_promotion_by_hand_keeps_the_pace(rolled, orders):
    """Full would start six times as fast as the plan said, were it to take the canaries' spread."""
    rolled.publish_release("1.5.0", strategy="gated")
    rolled.now += timedelta(hours=5)
    for wave, spread in (("early", 12 * 3600), ("full", 24 * 3600)):
        rolled.do("rollout", "promote", "stable", "--early")
        assert (orders()[wave]["spread_s"], orders()["canary"]["spread_s"]) == (spread, 4 * 3600)
    rolled.do("unstage", "agent.stable.full")
    rolled.do("rollout", "promote", "stable", "--early", "--spread-s", "48h")
    assert orders()["full"]["spread_s"] == 48 * 3600


@pytest.mark.parametrize(
    "when",
    [
        ("--not-before", "2026-11-24T12:00:00Z", "--not-after", "2026-11-23T12:00:00Z"),
        ("--not-after", "2026-11-22T11:00:00Z"),
        ("--not-before", "2026-11-01T12:00:00Z"),
    ],
)
def test_an_order_by_which_nobody_could_start_is_refused(rolled, when):
    """It ends before it begins, or it has ended already."""
    rolled.add("1.5.0")
    result = rolled.run("rollout", "start", "stable", "1.5.0", *when)
    assert result.exit_code == 2
    assert "before any host could start" in result.stderr
    assert set(rolled.desk().tree.staged()) == {"agent.releases"}


@pytest.mark.parametrize(
    ("version", "recalled", "code"),
    [("1.4.2", ">=1.5.0", 2), ("1.5.0", ">=1.4,<=1.5", 13), ("9.9.9", "<=1.5", 13), ("1.4.2", "what", 2)],
)
def test_recalls_that_cannot_work_are_refused(rolled, version, recalled, code):
    """No upper bound, into itself, to nothing, from nonsense."""
    rolled.publish_release("1.5.0")
    result = rolled.run("rollout", "recall", "stable", version, "--from", recalled, "--reason", "x")
    assert result.exit_code == code, result.stderr
    assert not rolled.do("status")["staged"]


def test_one_signature_stops_everything(rolled):
    """The brake names every live rollout, and needs one key, also the publisher's."""
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.do("brake", "stable", "--reason", "crash loops")
    signatures = rolled.do("status")["signatures"]
    assert [(item["role"], item["threshold"]) for item in signatures] == [("agent.stable.brake", 1)]
    assert "online" in signatures[0]["unsigned"]
    assert rolled.do("sign", "--yes")["signed"][0]["key"] == "rollouts"
    rolled.do("publish")
    said = rolled.do("agents", "explain", "host-1", "--running", "1.4.0")
    held = rolled.do("rollout", "status", "stable")["brake"]["hold"]
    assert held == [{"rollout": "stable-0001"}, {"rollout": "stable-0002"}]
    assert said["decision"]["rule"] == "base"


def test_the_brake_is_lifted_by_name(rolled):
    """Lifting is a change too: starts spread from that moment."""
    rolled.add("1.5.0")
    rolled.do("brake", "stable", "--version", "1.5.0")
    rolled.sign_and_publish()
    rolled.now = rolled.now.replace(hour=20)
    assert (
        "brake: lifts 1.5.0"
        in rolled.run("brake", "stable", "--release", "--reason", "it was the network").stdout
    )
    brake = rolled.do("rollout", "status", "stable")["staged"]["brake"]
    assert (brake["hold"], brake["since"]) == ([], "2026-11-22T20:00:00Z")
    rolled.sign_and_publish()
    assert rolled.run("brake", "stable", "--release").exit_code == 2


def test_a_brake_on_what_is_nowhere_is_refused(rolled):
    """A slip of the keyboard would hold nothing while everybody believes that it does."""
    rolled.publish_release("1.5.0", strategy="manual")
    result = rolled.run("brake", "stable", "--rollout", "stable-9999")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "rollout 'stable-9999' is ordered nowhere" in result.stderr
    assert "one of: stable-0001, stable-0002" in result.stderr
    assert "9.9.9 was never released" in rolled.run("brake", "stable", "--version", "9.9.9").stderr


def test_a_live_rollout_is_held_below_a_staged_one(rolled):
    """What hosts follow now is held, not only what somebody is preparing."""
    rolled.publish_release("1.5.0")
    rolled.add("1.6.0")
    rolled.do("rollout", "start", "stable", "1.6.0", "--strategy", "immediate")
    held = rolled.do("brake", "stable")["staged"]["brake"]["hold"]
    assert held == [{"rollout": "stable-0002"}, {"rollout": "stable-0003"}]


def test_what_agents_would_refuse_is_not_started(rolled):
    """Lower versions, backports overtaken by number, and unknown releases."""
    rolled.add("1.5.0")
    rolled.publish_release("1.4.3")
    for version, word in (("1.4.2", "lower"), ("1.5.0", "added before"), ("7.0", "no release")):
        result = rolled.run("rollout", "start", "stable", version)
        assert result.exit_code == 13
        assert word in result.stderr
        assert "hint:" in result.stderr


def test_a_missing_platform_is_said_before_it_is_signed(rolled):
    """A release that forgets a platform starts, with a warning."""
    rolled.do("release", "add", "1.5.0", rolled.build("1.5.0"), "--platform", "plan9-mips")
    result = rolled.run("rollout", "start", "stable", "1.5.0")
    assert result.exit_code == 0
    assert f"nothing for {HERE}" in result.stderr


def test_a_plan_stages_nothing_and_names_who_must_sign(rolled):
    """A plan shows waves, start times and signatures."""
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.add("1.5.1")
    rolled.sign_and_publish()
    plan = rolled.do("rollout", "plan", "stable", "1.5.1", "--strategy", "immediate", "--not-before", "2h")
    assert [wave["order"]["not_before"] for wave in plan["waves"]] == ["2026-11-22T14:00:00Z"] * 3
    assert plan["signatures"][0] == {"role": "agent.stable.canary", "threshold": 1, "keys": ["rollouts"]}
    assert not rolled.do("status")["staged"]
    dry = rolled.do("rollout", "start", "stable", "1.5.1", "--dry-run")
    assert len(dry["waves"]) == 1
    assert not rolled.do("status")["staged"]


def test_every_route_of_a_wave_says_the_same(rolled):
    """Each of a wave's routes names the same document and carries the same order."""
    rolled.publish_release("1.5.0", strategy="manual")
    view = rolled.desk().tree.view("agent.stable.canary")
    assert len(view.entries) == 25
    assert len({(entry.sha256, repr(entry.custom)) for entry in view.entries.values()}) == 1


def test_channels_are_named_in_short_when_there_is_no_doubt(rolled):
    """`stable` and `agent/stable` are the same; anything else is an error that says what there is."""
    assert rolled.do("rollout", "status", "agent/stable") == rolled.do("rollout", "status", "stable")
    result = rolled.run("rollout", "status", "beta")
    assert (result.exit_code, "agent/stable" in result.stderr) == (2, True)
