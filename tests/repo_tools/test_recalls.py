"""Recalls: back to an older release, whoever has something newer, and never forward."""


def test_a_recall_from_what_was_never_published_is_refused(rolled):
    """The disaster: a range is mistyped, people sign it, and nobody goes back."""
    rolled.add("1.5.0")
    for recalled in ("==1.5.0", "==1.50,<2", ">=1.4.3,<1.5"):
        refused = rolled.run("rollout", "recall", "stable", "1.4.2", "--from", recalled)
        assert (refused.exit_code, "was ever published" in refused.stderr) == (13, True), refused.stderr
    refused = rolled.run("rollout", "recall", "stable", "1.4.2", "--from", "==1.9", "--id", "host-1")
    assert refused.exit_code == 13
    rolled.sign_and_publish()
    rolled.publish_release("1.5.1")
    rolled.promote()
    rolled.do("release", "retire", "1.5.0")
    rolled.sign_and_publish()
    rolled.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")


def test_a_recall_reaches_every_wave_and_lowers_the_base(rolled, orders):
    """Nobody is sent back and at once forward again."""
    rolled.publish_release("1.5.0")
    rolled.promote()
    recalled = ("--from", ">=1.5.0,<=1.5.3", "--reason", "loses data")
    rolled.do("rollout", "recall", "stable", "1.4.2", *recalled)
    rolled.sign_and_publish()
    for found in orders().values():
        assert found["version"] == "1.4.2"
        assert found["base"]["version"] == "1.4.2"
        assert found["recall"]["from"] == ">=1.5.0,<=1.5.3"
        assert found["rollout"] == "stable-0003"
    said = rolled.do("agents", "explain", "host-1", "--running", "1.5.0")
    assert said["decision"]["rule"] == "recall"


def test_a_recall_updates_no_wave_that_runs_something_lower(rolled, orders):
    """Only the canaries had 1.5.0 and 1.5.1: no recall takes the others to 1.5.0."""
    for version in ("1.5.0", "1.5.1"):
        rolled.publish_release(version, strategy="manual")
    before = orders()
    rolled.do("rollout", "recall", "stable", "1.5.0", "--from", "==1.5.1")
    rolled.sign_and_publish()
    after = orders()
    assert (after["canary"]["version"], after["canary"]["rollout"]) == ("1.5.0", "stable-0004")
    assert (after["early"], after["full"]) == (before["early"], before["full"])
    rolled.promote()
    assert [found["version"] for found in orders().values()] == ["1.5.0", "1.5.0", "1.4.2"]


def test_a_recall_reaches_a_wave_that_runs_what_is_recalled_below_the_target(rolled, orders):
    """What lies on both sides of the target is called to it."""
    for version in ("1.5.0", "1.5.1"):
        rolled.publish_release(version, strategy="manual")
    rolled.do("rollout", "recall", "stable", "1.5.0", "--from", "<=1.5.1,!=1.5.0")
    assert {found["version"] for found in orders().values()} == {"1.5.0"}


def test_a_recall_goes_nowhere_but_back(rolled):
    """A version above all that is called back is an update, to every wave at once."""
    rolled.publish_release("1.5.0", strategy="manual")
    result = rolled.run("rollout", "recall", "stable", "1.5.0", "--from", "==1.4.2")
    assert result.exit_code == 13
    assert "1.5.0 is above every release in ==1.4.2" in result.stderr
    assert "tidegate rollout start agent/stable 1.5.0" in result.stderr
    host = rolled.run("rollout", "recall", "stable", "1.5.0", "--from", "==1.4.2", "--id", "host-1")
    assert host.exit_code == 13
    assert not rolled.do("status")["staged"]


def test_a_recall_that_calls_nobody_back_is_refused(rolled):
    """Every wave runs something lower: what is wanted is a start."""
    rolled.add("1.5.0")
    rolled.add("1.5.1")
    rolled.sign_and_publish()
    result = rolled.run("rollout", "recall", "stable", "1.5.0", "--from", "==1.5.1")
    assert result.exit_code == 2
    assert "no wave is ordered to run 1.5.0 or more, or anything in ==1.5.1" in result.stderr
    assert not rolled.do("status")["staged"]


def test_what_is_recalled_is_not_started_again(rolled):
    """The canaries would get it back first; a higher version, or the recall's end, opens the way."""
    rolled.publish_release("1.5.0")
    recalled = ("--from", "==1.5.0", "--until", "2d", "--reason", "loses data")
    rolled.do("rollout", "recall", "stable", "1.4.2", *recalled)
    rolled.sign_and_publish()
    result = rolled.run("rollout", "start", "stable", "1.5.0")
    assert result.exit_code == 13
    assert "1.5.0 is recalled by stable-0003 in canary: loses data" in result.stderr
    rolled.add("1.5.1")
    rolled.do("rollout", "start", "stable", "1.5.1", "--dry-run")
    rolled.do("rollout", "start", "stable", "1.5.0", "--not-before", "2d", "--dry-run")


def test_a_recall_that_is_widened_takes_the_base_along(rolled):
    """The disaster: a recall of one wave cannot be widened, since other waves have its version as base."""
    rolled.publish_release("1.5.0")
    rolled.promote()
    rolled.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--wave", "canary")
    rolled.sign_and_publish()
    rolled.promote()
    rolled.promote()
    explained = rolled.do("agents", "explain", "host-1", "--running", "1.5.0")
    assert explained["decision"]["action"] == "recall"
    explained = rolled.do("agents", "explain", "host-1", "--running", "1.4.2")
    assert explained["decision"]["rule"] == "current"
