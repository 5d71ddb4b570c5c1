"""The judgement of a trial: observations in, a verdict out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.trial import Trial

START_S, TRIAL_S = 10, 20
Seen = list[tuple[int, bool]]


def judge(seen: Seen, restarts: dict[int, int] | None = None) -> tuple[str | None, int]:
    """Return the verdict on one entry, and when it came."""
    trial = Trial.of(["probe"], START_S, TRIAL_S)
    for at_s, ok in seen:
        trial.observe("probe", at_s, ok, "sick")
        trial.observe_restarts("probe", at_s, (restarts or {}).get(at_s, 0))
        if verdict := trial.verdict(at_s):
            return verdict, at_s
    return None, seen[-1][0]


def seconds(well: range, until: int = 60) -> Seen:
    """Return an observation a second, well within a range."""
    return [(at_s, at_s in well) for at_s in range(until)]


@pytest.mark.parametrize(
    ("seen", "verdict", "at_s"),
    [
        (seconds(range(60)), "won", 20),
        (seconds(range(5, 60)), "won", 25),
        (seconds(range(10, 60)), "won", 30),
        (seconds(range(11, 60)), "lost", 11),
        (seconds(range(0)), "lost", 11),
        (seconds(range(29)), "won", 20),
        (seconds(range(15)), "lost", 15),
        (seconds(range(8)), "lost", 11),
        ([(0, True), (3, False), (6, True), (30, True)], "won", 30),
        ([(0, True), (12, False), (13, True), (40, True)], "lost", 12),
        ([(0, True), (90, True)], "won", 90),
    ],
)
def test_a_trial_is_won_by_holding(seen, verdict, at_s):
    """An entry begins to hold within the start time and then holds without a break for the trial time."""
    assert judge(seen) == (verdict, at_s)


def test_everything_must_hold():
    """One entry that does not hold loses for all."""
    trial = Trial.of(["one", "other"], START_S, TRIAL_S)
    for at_s in range(12):
        trial.observe("one", at_s, True, "")
        trial.observe("other", at_s, False, "other is sick")
    assert (trial.verdict(11), trial.last_failure, trial.holds) == ("lost", "other is sick", False)


def test_a_restart_begins_the_run_anew():
    """A service that was restarted has not held."""
    assert judge(seconds(range(60)), {5: 1, **dict.fromkeys(range(6, 60), 1)}) == ("won", 25)


def test_three_restarts_lose():
    """A crash loop loses at once."""
    assert judge(seconds(range(60)), {4: 3}) == ("lost", 4)


def test_with_no_time_at_all_one_good_look_is_enough():
    """A trial of zero seconds is over when everything holds."""
    trial = Trial.of(["one"], START_S, 0)
    assert trial.verdict(0) is None
    trial.observe("one", 0.5, True, "")
    assert trial.verdict(0.5) == "won"


@given(st.lists(st.booleans(), min_size=40, max_size=60))
def test_every_trial_ends(states):
    """After start and trial time there is a verdict, and won means that the last stretch held."""
    verdict, at_s = judge(list(enumerate(states)))
    assert verdict in {"won", "lost"}
    assert at_s <= START_S + TRIAL_S
    assert verdict == "lost" or all(states[at_s - TRIAL_S : at_s + 1])
