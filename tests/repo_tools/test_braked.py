"""A brake that was pulled: what is shown, refused and said of everything that would go past it."""

from datetime import timedelta

import pytest

from repo_tools.checks.braked import braked
from repo_tools.checks.facts import gather


@pytest.fixture
def halted(rolled):
    """A repository in which 1.5.0 is ordered to every wave, and the brake holds it."""
    rolled.publish_release("1.5.0")
    rolled.do("brake", "stable", "--reason", "crash loops")
    rolled.sign_and_publish()
    return rolled


def test_what_the_brake_holds_does_not_go(halted):
    """Whoever looks at the waves sees at once that no host starts, and what is signed stays in the data."""
    said = halted.run("rollout", "status", "stable").stdout
    assert ("braked" in said, " go " in said) == (True, False)
    assert {one["order"]["state"] for one in halted.do("rollout", "status", "stable")["waves"]} == {"go"}


def test_what_the_brake_holds_is_not_completed(halted):
    """The base takes no notice of a brake; who means it says so, or lifts the brake together with it."""
    refused = halted.run("rollout", "promote", "stable")
    assert refused.exit_code == 13
    assert "the brake holds stable-0002, and completing it would start every host below it" in refused.stderr
    halted.do("rollout", "promote", "stable", "--early", "--dry-run")
    halted.do("brake", "stable", "--release", "--lead", "0s")
    halted.do("rollout", "promote", "stable")


def test_a_rollout_that_is_ordered_after_the_brake_is_a_warning(halted):
    """Whoever mends what crashed knows of the brake; a recall is none of its business."""
    halted.add("1.5.1")
    halted.now = halted.now.replace(minute=5)
    halted.do("rollout", "start", "stable", "1.5.1")
    (found,) = braked(gather(halted.desk(), publishing=True))
    assert (found.level, found.role) == ("warning", "agent.stable.canary")
    halted.do("unstage", "--all")
    halted.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    assert not list(braked(gather(halted.desk(), publishing=True)))


def test_what_a_recovery_brings_back_does_not_begin(halted):
    """It was public before the thief's; what nobody published before does begin, whatever keys sign it."""
    good = [f"--good=agent.stable.{wave}=3" for wave in ("canary", "early", "full")]
    revoke = ("key", "revoke", "rollouts", "--compromised", "--new", "fresh")
    halted.do("key", "new", "fresh", "--no-passphrase")
    halted.do(*revoke, *good)
    assert not list(braked(gather(halted.desk(), publishing=True)))
    halted.do("unstage", "--all")
    halted.add("1.5.1")
    halted.do("rollout", "start", "stable", "1.5.1")
    halted.do(*revoke)
    (found,) = braked(gather(halted.desk(), publishing=True))
    assert (found.level, found.role) == ("error", "agent.stable.canary")
    assert found.hint.endswith("or tidegate unstage --all, and order it anew")


def test_a_recall_that_the_brake_stops_is_named(rolled):
    """Whoever stops everything stops what sends hosts back; who names a rollout leaves the recall alone."""
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--wave", "canary")
    rolled.sign_and_publish()
    said = rolled.run("brake", "stable", "--dry-run").stderr
    assert "warning: stable-0003 is a recall: hosts that are to go back stay where they are" in said
    assert "tidegate unstage agent.stable.brake, then brake again with --rollout, leaves it out" in said
    assert "is a recall" not in rolled.run("brake", "stable", "--rollout", "stable-0001").stderr
    assert "is a recall" in rolled.run("brake", "stable", "--version", "1.4.2").stderr
    assert "is a recall" not in rolled.run("brake", "stable", "--version", "1.5.0").stderr


def test_hosts_that_are_selected_past_a_hold_are_told_of(halted):
    """A batch is a rollout of its own, which neither the brake of another nor a pause keeps back."""
    select = ("agents", "select", "stable", "1.5.0", "--id", "host-1")
    said = halted.run(*select, "--dry-run").stderr
    assert "the brake holds stable-0002, which starts 1.5.0; the selected hosts go there all the same" in said
    halted.do("brake", "stable", "--release", "--lead", "0s")
    halted.do("rollout", "pause", "stable", "--wave", "canary")
    said = halted.run(*select, "--dry-run").stderr
    assert "1.5.0 is paused in canary, by stable-0002; the selected hosts go there" in said
    halted.do("brake", "stable", "--version", "1.5.0")
    said = halted.run(*select).stderr
    assert "warning: the brake holds 1.5.0; tidegate brake agent/stable --release lifts it" in said


@pytest.fixture
def ahead(rolled):
    """The same two rollouts, of which somebody holds the newer one, whose clock is a year ahead."""
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.now += timedelta(days=365)
    rolled.do("brake", "stable", "--rollout", "stable-0002", "--reason", "crash loops")
    rolled.do("sign", "--yes")
    rolled.now -= timedelta(days=365)
    rolled.do("publish")
    return rolled


def test_a_brake_that_is_dated_ahead_is_told_and_dated_anew(ahead):
    """Until then no rollout starts a host, and none can be ordered after it: that is mended first."""
    text = "no rollout of agent/stable starts a host before 2027-11-22 12:00Z: its brake is dated ahead"
    again = "tidegate brake agent/stable --rollout stable-0002 dates it anew"
    assert f"{text}; {again}\n" in ahead.run("rollout", "status", "stable").stdout
    assert (text, again) in [(one["text"], one["hint"]) for one in ahead.do("check")["findings"]]
    ahead.add("1.5.1")
    start = ("rollout", "start", "stable", "1.5.1")
    assert f"warning: {text}; {again}\n" in ahead.run(*start).stderr
    ahead.do("sign", "--yes")
    refused = ahead.run("publish")
    assert refused.exit_code == 17
    assert f"hint: {again}; then tidegate unstage agent.stable.canary, and order it anew\n" in refused.stderr
    ahead.do("brake", "stable", "--rollout", "stable-0002")
    ahead.do("unstage", "agent.stable.canary")
    ahead.now += timedelta(minutes=1)
    assert "starts a host before" not in ahead.run(*start).stderr
    ahead.sign_and_publish()
    assert "starts a host before" not in ahead.run("rollout", "status", "stable").stdout
    assert ahead.do("rollout", "status", "stable")["brake"]["hold"] == [{"rollout": "stable-0002"}]


def test_a_brake_that_is_lifted_in_the_future_is_lifted_again(ahead):
    """It holds nothing, and lets nothing start: it is no brake of which there is nothing to lift."""
    ahead.now += timedelta(days=365)
    ahead.do("brake", "stable", "--release")
    ahead.do("sign", "--yes")
    ahead.now -= timedelta(days=365)
    ahead.do("publish")
    said = ahead.run("rollout", "status", "stable").stdout
    assert "starts a host before 2027-11-22 12:00Z, from when on its brake is lifted; tidegate brake" in said
    ahead.do("brake", "stable", "--release")
    ahead.sign_and_publish()
    refused = ahead.run("brake", "stable", "--release")
    assert refused.exit_code == 2
    assert "holds nothing\nhint: it is lifted from 2026-11-22 12:00Z on" in refused.stderr
