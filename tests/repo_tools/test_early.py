"""What comes too early or goes past a hold: promotions, starts and bases."""


def test_a_rollout_that_still_spreads_is_not_completed(rolled):
    """The base takes no notice of the spread, so completing waits for its end; `--early` does not."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate", "--spread-s", "1h")
    result = rolled.run("rollout", "promote", "stable")
    assert (result.exit_code, "is not published in canary" in result.stderr) == (13, True)
    rolled.sign_and_publish()
    result = rolled.run("rollout", "promote", "stable")
    assert result.exit_code == 13
    assert "the hosts of canary start by stable-0002 until 2026-11-22 13:00Z" in result.stderr
    rolled.do("rollout", "promote", "stable", "--early", "--dry-run")
    rolled.now = rolled.now.replace(hour=13)
    rolled.do("rollout", "promote", "stable")


def test_a_wave_does_not_overtake_the_one_before(rolled):
    """Before the canaries begin nobody follows them; after them, or by `--early`, somebody may."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0", "--not-before", "2h")
    result = rolled.run("rollout", "promote", "stable")
    assert result.exit_code == 13
    assert "early would start before canary, where hosts start from 2026-11-22 14:00Z" in result.stderr
    assert (
        "not published in canary" in rolled.run("rollout", "promote", "stable", "--early", "--dry-run").stderr
    )
    rolled.do("rollout", "promote", "stable", "--not-before", "1d")


def test_what_does_not_hold_the_base_says_so(rolled):
    """Hosts below the base go there under a brake; a pause would hold nothing, and is refused."""
    rolled.publish_release("1.5.0")
    assert "is the base" not in rolled.run("brake", "stable", "--dry-run").stderr
    rolled.promote()
    for command in (("brake", "stable"), ("brake", "stable", "--version", "1.5.0")):
        assert (
            "1.5.0 is the base: hosts below it go there all the same"
            in rolled.run(*command, "--dry-run").stderr
        )
    refused = rolled.run("rollout", "pause", "stable")
    assert refused.exit_code == 13
    assert "stable-0002 is complete: hosts below 1.5.0 go there all the same" in refused.stderr
    assert 'tidegate rollout recall agent/stable VERSION --from "==1.5.0"' in refused.stderr


def test_what_is_held_is_not_started_past_the_hold(rolled):
    """A new rollout of the same version would free it; letting it go on is a command of its own."""
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.do("rollout", "pause", "stable", "--reason", "looking")
    result = rolled.run("rollout", "start", "stable", "1.5.0")
    assert (result.exit_code, "1.5.0 is paused in canary, by stable-0002" in result.stderr) == (13, True)
    rolled.do("rollout", "resume", "stable")
    rolled.do("brake", "stable", "--rollout", "stable-0002")
    result = rolled.run("rollout", "start", "stable", "1.5.0")
    assert (result.exit_code, "tidegate brake agent/stable --release" in result.stderr) == (13, True)
    rolled.sign_and_publish()
    rolled.do("brake", "stable", "--release")
    rolled.do("rollout", "start", "stable", "1.5.0", "--retry", "1")


def test_what_is_complete_is_not_started_again(rolled):
    """Every host runs it or goes there at once; only where it failed does a new start mean anything."""
    rolled.publish_release("1.5.0")
    rolled.promote()
    result = rolled.run("rollout", "start", "stable", "1.5.0")
    assert (result.exit_code, "1.5.0 is complete in every wave, by stable-0002" in result.stderr) == (
        13,
        True,
    )
    rolled.do("rollout", "start", "stable", "1.5.0", "--retry", "1")


def test_what_is_ordered_already_is_said_before_it_is_started_again(rolled):
    """Who meant to go on with a rollout would begin it anew, and wonder why no host moves."""
    rolled.publish_release("1.5.0", strategy="manual")
    twice = ("rollout", "start", "stable", "1.5.0", "--dry-run")
    said = rolled.run(*twice).stderr
    assert "canary is ordered to run 1.5.0 already, by stable-0002; tidegate rollout promote" in said
    assert "already" not in rolled.run(*twice, "--strategy", "immediate").stderr
    assert "already" not in rolled.run(*twice, "--retry", "1").stderr
