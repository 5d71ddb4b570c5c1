"""A release that nobody may start any more: how it is revoked, what stands against it, how it is lifted."""

from datetime import timedelta

import pytest

from repo_tools.rollouts.state import read_state


@pytest.fixture
def two(rolled):
    """1.5.0 in every wave, over the base 1.4.2."""
    rolled.publish_release("1.5.0")
    return rolled


def policy(work):
    """Return the channel's policy as it is published."""
    desk = work.desk().published()
    return read_state(desk, desk.only_channel()).policy


def test_what_is_ordered_cannot_be_revoked(two):
    """The disaster: every host would refuse its order; so something else is ordered first."""
    done = two.run("release", "revoke", "1.5.0", "--reason", "CVE-2026-0001")
    assert done.exit_code == 13
    assert "canary is ordered to run 1.5.0, and hosts would refuse it" in done.stderr
    done = two.run("release", "revoke", "1.4.2")
    assert "canary has as its base 1.4.2" in done.stderr


def test_what_single_hosts_are_ordered_cannot_be_revoked(two):
    """They would stay on what they were called back from; so the batch ends first, or by itself."""
    back = ("--from", "==1.5.0", "--id", "host-1", "--reason", "loses data on one")
    two.do("rollout", "promote", "stable")
    two.do("rollout", "recall", "stable", "1.4.2", *back)
    two.sign_and_publish()
    done = two.run("release", "revoke", "1.4.2", "--reason", "CVE-2026-0001")
    assert done.exit_code == 13
    assert "stable-0003, a selection of hosts, is ordered to run 1.4.2, and hosts would" in done.stderr
    assert "tidegate agents select agent/stable --clear" in done.stderr
    two.do("agents", "select", "stable", "--clear")
    two.do("release", "revoke", "1.4.2", "--reason", "CVE-2026-0001")
    two.sign_and_publish()
    two.add("1.6.0")
    two.do("agents", "select", "stable", "1.6.0", "--id", "host-1", "--not-after", "1d")
    two.sign_and_publish()
    assert two.run("release", "revoke", "1.6.0").exit_code == 13
    two.now += timedelta(days=1)
    two.do("release", "revoke", "1.6.0")


def test_recall_and_revoke_in_one_sitting(two):
    """A recall and the revocation of what it calls back are signed and published together."""
    two.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "loses data")
    told = two.do("release", "revoke", "1.5.0", "--reason", "loses data")
    assert told["channels"] == {"agent/stable": {"floor_seq": 0, "revoked": ["1.5.0"]}}
    two.sign_and_publish()
    [entry] = policy(two).revoked
    assert (entry.version, entry.reason) == ("1.5.0", "loses data")
    started = two.run("rollout", "start", "stable", "1.5.0")
    assert (started.exit_code, "is revoked: loses data" in started.stderr) == (13, True)


def test_the_list_says_what_was_withdrawn(two):
    """Nobody takes a release for one to order that was recalled, and then revoked."""
    assert "published; " not in two.run("release", "list").stdout
    two.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--reason", "loses data")
    assert "published; recalled in agent/stable" in two.run("release", "list").stdout
    two.do("release", "revoke", "1.5.0", "--reason", "loses data")
    assert "published; revoked in agent/stable" in two.run("release", "list").stdout
    assert "number 2, published; revoked in agent/stable" in two.run("release", "show", "1.5.0").stdout
    assert two.do("release", "show", "1.5.0")["withdrawn"] == {"agent/stable": "revoked"}
    assert [one["withdrawn"] for one in two.do("release", "list")] == [{"agent/stable": "revoked"}, {}]


def test_everything_below(two):
    """The floor goes up to what is revoked, and never down again; the list can be taken back."""
    two.do("rollout", "promote", "stable")
    two.sign_and_publish()
    two.do("release", "revoke", "1.4.2", "--below")
    two.sign_and_publish()
    before = policy(two)
    assert before.revocation("1.4.2")
    two.do("release", "revoke", "1.4.2", "--lift")
    two.sign_and_publish()
    assert policy(two).revoked == []
    assert policy(two).floor_seq == before.floor_seq == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["9.9.9"], 13, "there is no release 9.9.9"),
        (["1.4.2", "--lift"], 2, "1.4.2 is not revoked"),
        (["1.4.2", "--lift", "--below"], 2, "exclude each other"),
        (["1.4.2", "--channel", "beta"], 2, "no channel 'beta'"),
    ],
)
def test_mistakes(two, arguments, code, says):
    """Each is named, and nothing is staged."""
    done = two.run("release", "revoke", *arguments)
    assert (done.exit_code, says in done.stderr) == (code, True)
    assert two.do("status")["staged"] == []
