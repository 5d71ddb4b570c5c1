"""The gate: what opens a wave, what halts a rollout, and how often it may be wrong."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repo_tools.gate.sequential import Rates
from repo_tools.gate.verdict import Bar, Counts, judge

OPENED = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = OPENED + timedelta(hours=5)
WELL = Counts(members=1000, expected=900, started=900, ok=900)


def verdict(counts, now=LATER):
    """Return what is decided, and by which rule."""
    found = judge(counts, OPENED, now, Bar())
    return found.action, found.rule


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("open", "evidence")),
        ({"ok": 720, "started": 720}, ("open", "evidence")),
        ({"ok": 719, "started": 719}, ("wait", "unheard")),
        ({"ok": 870, "failed": 30}, ("halt", "failures")),
        ({"ok": 896, "failed": 4}, ("open", "evidence")),
        ({"ok": 880, "started": 900}, ("wait", "doubtful")),
        ({"ok": 0, "started": 0, "expected": 0}, ("wait", "nobody")),
        ({"ok": 0, "started": 20, "failed": 3}, ("halt", "failures")),
        ({"ok": 0, "started": 600, "failed": 1}, ("wait", "unheard")),
        ({"unfit": 100}, ("open", "evidence")),
        ({"unfit": 101}, ("wait", "unfit")),
        ({"unfit": 380, "ok": 870, "failed": 30}, ("halt", "failures")),
    ],
)
def test_a_large_wave(changes, expected):
    """Enough must be heard, and what was heard must be much likelier of a good release than of a bad one."""
    assert verdict(replace(WELL, **changes)) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(members=3, expected=3, started=3, ok=3), ("ask", "few")),
        (Counts(members=3, expected=3, started=2, ok=2), ("wait", "unheard")),
        (Counts(members=12, expected=12, started=12, ok=11, failed=1), ("wait", "failure")),
        (Counts(members=12, expected=12, started=12, ok=10, failed=2), ("halt", "failures")),
        (Counts(members=150, expected=10, started=10, ok=10), ("ask", "few")),
        (Counts(members=12), ("wait", "nobody")),
        (Counts(members=4, expected=3, started=3, ok=3, unfit=1), ("ask", "few")),
        (Counts(members=2, unfit=2), ("wait", "unfit")),
    ],
)
def test_a_small_wave(counts, expected):
    """Everybody must be heard, nobody may fail, and a person signs; the second failure halts."""
    assert verdict(counts) == expected


def test_nothing_opens_before_the_soak():
    """However well everybody is, a wave that opened an hour ago has not shown enough."""
    assert verdict(WELL, OPENED + timedelta(hours=1)) == ("wait", "soak")
    assert verdict(replace(WELL, ok=800, failed=100), OPENED + timedelta(hours=1)) == ("halt", "failures")


def test_those_who_are_lost_halt_a_rollout():
    """Hosts that switched and missed their heartbeats count as failures, also where none could say so."""
    counts = replace(WELL, started=400, ok=100, lost=40)
    assert verdict(counts) == ("halt", "failures")


@given(st.integers(0, 5000), st.integers(0, 50))
def test_more_failures_never_help(well, failed):
    """One more failure never opens what was closed, and one more that is well never halts what went on."""
    rates = Rates()
    assert rates.good_enough(well, failed) or not rates.good_enough(well, failed + 1)
    assert rates.bad_enough(well, failed) or not rates.bad_enough(well + 1, failed)
    assert not (rates.good_enough(well, failed) and rates.bad_enough(well, failed))


def looked_at(rate: float, hosts: int, rng: random.Random, liars: int = 0) -> tuple[bool, bool]:
    """Watch a wave report by report, failures before successes; return whether it ever halted or opened.

    The first so many hosts call everything well, whatever happens to them.
    """
    fails = [place >= liars and rng.random() < rate for place in range(hosts)]
    soak = hosts // 4  # successes are heard so many starts later
    ok = failed = 0
    for started in range(1, hosts + soak + 1):
        failed += started <= hosts and fails[started - 1]
        ok += started > soak and not fails[started - soak - 1]
        counts = Counts(members=hosts, expected=hosts, started=min(started, hosts), ok=ok, failed=failed)
        action = judge(counts, OPENED, LATER, Bar()).action
        if action in {"halt", "open"}:
            return action == "halt", action == "open"
    return False, False


@pytest.mark.parametrize("hosts", [200, 600])
def test_it_is_seldom_wrong(hosts):
    """However often it is looked at, 5 in 100 bad releases go further and 2 in 100 good ones are halted."""
    rng = random.Random(8)
    waves = 400
    bad = [looked_at(0.05, hosts, rng) for _ in range(waves)]
    good = [looked_at(0.002, hosts, rng) for _ in range(waves)]
    assert sum(opened for _, opened in bad) <= 0.05 * waves
    assert sum(halted for halted, _ in bad) >= 0.9 * waves
    assert sum(halted for halted, _ in good) <= 0.02 * waves
    assert sum(opened for _, opened in good) >= 0.9 * waves


@pytest.mark.parametrize("hosts", [200, 600])
def test_a_tenth_that_lies_moves_the_bar_by_a_ninth(hosts):
    """With a tenth that calls everything well, 5 % becomes 5.6 %: the bound holds for what fails there."""
    rng = random.Random(9)
    waves = 400
    found = [looked_at(0.05 / 0.9, hosts, rng, hosts // 10) for _ in range(waves)]
    assert sum(opened for _, opened in found) <= 0.05 * waves
    assert sum(halted for halted, _ in found) >= 0.9 * waves
