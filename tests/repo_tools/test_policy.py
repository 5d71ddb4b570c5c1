"""What a channel lets its hosts do: shown, changed, refused."""

import pytest

from repo_tools.rollouts.state import read_state


def policy(work):
    """Return the channel's policy as it is published."""
    desk = work.desk().published()
    return read_state(desk, desk.only_channel()).policy


def test_a_policy_is_shown_and_changed(rolled):
    """Only what was named changes; the same again is refused, and dry runs stage nothing."""
    before = rolled.do("policy")
    assert (before["poll_s"], before["fresh_s"]) == (900, 86_400)
    assert "hosts look every" in rolled.run("policy").stdout
    planned = rolled.do("policy", "stable", "--poll", "5m", "--dry-run")
    assert (planned["dry_run"], rolled.desk().tree.staged()) == (True, [])
    rolled.do("policy", "stable", "--poll", "5m", "--allow-now", "--no-pins-yield")
    rolled.sign_and_publish()
    found = policy(rolled)
    assert (found.poll_s, found.allow_now, found.pins_yield, found.fresh_s) == (300, True, False, 86_400)
    again = rolled.run("policy", "stable", "--poll", "5m")
    assert (again.exit_code, "says so already" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--poll", "0s"), "hosts look every second at the most"),
        (("--poll", "2d"), "once a day at the least"),
        (("--poll", "2h", "--fresh", "1h"), "hosts find nothing"),
        (("--fresh", "soon"), "soon"),
    ],
)
def test_what_no_host_could_follow_is_refused(rolled, options, said):
    """The disaster: a fleet that looks once a second, or that starts nothing ever again."""
    done = rolled.run("policy", "stable", *options)
    assert (done.exit_code, rolled.desk().tree.staged()) == (2, [])
    assert said in done.stderr


def test_news_that_ages_before_the_next_refresh_is_warned_of(rolled):
    """A job that refreshes daily would leave hosts without starts for most of the day."""
    done = rolled.run("policy", "stable", "--fresh", "6h")
    assert done.exit_code == 0
    assert "when nobody refreshed for 6 h" in done.stderr
