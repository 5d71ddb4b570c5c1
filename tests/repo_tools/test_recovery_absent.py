"""A thief publishes a channel without its brake: what reads goes on, and a recovery brings it back."""

import pytest

BRAKE = "agent.stable.brake"


@pytest.fixture
def robbed(stage):
    """A repository whose brake is held, and then no longer delegated to."""
    stage.work.do("brake", "agent/stable", "--version", "1.4.2", "--reason", "a crash loop")
    stage.publish()
    with stage.forge.edit("agent.stable") as signed:
        del signed.delegations.roles[BRAKE]
    return stage


def test_a_missing_brake_is_read_as_an_empty_one(robbed):
    """Nobody delegates to it, so it says nothing; every command that reads says so or goes on."""
    work = robbed.work
    assert work.do("rollout", "status", "agent/stable")["brake"]["hold"] == []
    for command in ("status", "renew", "refresh"):
        assert work.run(command).exit_code == 0
    for check in (("check",), ("check", "--url", robbed.web.url)):
        refused = work.run(*check)
        assert refused.exit_code == 17, refused.stderr
        assert f"agent.stable does not delegate to {BRAKE}" in refused.stdout + refused.stderr
    options = ("--agent", "host-1", "--root", str(robbed.root))
    assert work.run("explain", robbed.web.url, *options).exit_code == 0
    refused = work.run("brake", "agent/stable", "--version", "1.4.2")
    assert (refused.exit_code, "has no role agent.stable.brake" in refused.stderr) == (13, True)


def test_a_recovery_brings_a_missing_brake_back(robbed):
    """The last honest version of the channel names it; it comes back as it was, under keys of its own."""
    good = robbed.forge.version("agent.stable") - 1
    robbed.key("fresh")
    options = ("--compromised", "--new", "fresh", "--good", f"agent.stable={good}")
    done = robbed.work.do("key", "revoke", "rollouts", *options)
    assert BRAKE in {step["role"] for step in done["steps"]}
    robbed.publish()
    robbed.everybody_is_well()
    assert robbed.work.run("check").exit_code == 0
    held = robbed.work.do("rollout", "status", "agent/stable")["brake"]["hold"]
    assert held == [{"version": "1.4.2"}]
