"""A rollout in simulated time tells beforehand what a release manager would see."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.chorus import BACK, Chorus
from tests.support.collection import Collection
from tests.support.workspace import Workspace


@pytest.fixture(scope="module")
def ready(real_time, tmp_path_factory):
    """A channel that runs 1.4.2, and 1.5.0 beside it, that nobody was ordered to run."""
    work = Workspace(shutil.copytree(real_time, tmp_path_factory.mktemp("simulated") / "place"))
    work.add("1.5.0")
    return work


def simulated(work, *options):
    """Return the course of a rollout of 1.5.0."""
    return work.do("simulate", "stable", "1.5.0", *options)


def test_a_good_release_comes_to_everybody(ready):
    """Wave by wave, each on evidence, until all hosts have it that are there."""
    course = simulated(ready, "--agents", "8000", "--preset", "fast", "--background", "0")
    assert [event["text"].partition(":")[0] for event in course["events"]] == [
        "1.5.0 starts, gated",
        "early opens",
        "full opens",
    ]
    assert not course["halted"]
    assert course["updated"] == course["exposed"] - course["failed"]
    assert 0.95 * 8000 < course["updated"] < 8000
    assert all(sum(point["versions"].values()) == 8000 for point in course["points"])
    shares = [point["versions"].get("1.5.0", 0) for point in course["points"]]
    assert shares == sorted(shares)


@pytest.mark.parametrize("fails", ["100", "10", "5"])
def test_a_bad_release_ends_in_canary(ready, fails):
    """Nobody outside of the first wave ever starts it."""
    course = simulated(ready, "--agents", "8000", "--preset", "fast", "--fails", fails)
    assert course["halted"]
    assert course["events"][-1]["text"].startswith("halted: ")
    assert course["exposed"] < 0.06 * 8000


def test_a_small_wave_asks_a_person(ready):
    """To be asked is an event of its own; the wave opens when somebody has signed, hours later."""
    course = simulated(ready, "--agents", "100", "--preset", "fast", "--background", "0", "--offline", "0")
    events = [(event["at"], event["text"].partition(":")[0]) for event in course["events"]]
    assert [text for _, text in events][1:3] == [
        "a person is asked to sign early",
        "early opens, signed by a person",
    ]
    asked, signed = (datetime.fromisoformat(at) for at, _ in events[1:3])
    assert signed - asked == timedelta(hours=4)
    assert course["updated"] == 100


def test_a_recorded_fleet(ready, tmp_path):
    """The hosts that were collected, in their waves: what they run, who is away, and who failed before."""
    repo = Workspace(shutil.copytree(ready.base, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    chorus = Chorus(Collection(repo, tmp_path / "box"), datetime.now(UTC) - timedelta(hours=1))
    names = [f"host-{number}" for number in range(40)]
    chorus.at -= timedelta(days=5)
    chorus.join(names)
    chorus.at += timedelta(days=5)
    chorus.say(names[10:], {"stage": "heartbeat"}, running="1.4.2")
    chorus.say(names[10:12], *BACK, running="1.4.2")
    chorus.say(names[12:15], {"stage": "heartbeat"}, running="1.4.0")
    repo.do("fleet", "collect", tmp_path / "box")
    repo.do("agents", "select", "stable", "1.4.2", "--id", "host-20")  # ends with what goes past it
    repo.sign_and_publish()
    course = simulated(repo, "--recorded", "--strategy", "immediate")
    assert course["points"][0]["versions"] == {"1.4.2": 27, "1.4.0": 3, "1.0.0": 10}
    assert (course["exposed"], course["failed"], course["updated"]) == (30, 2, 28)
    assert "1.5.0 to 40 recorded hosts" in repo.run("simulate", "stable", "1.5.0", "--recorded").stdout


def test_a_fleet_of_which_nothing_was_recorded(ready):
    """It is named, with what to do."""
    done = ready.run("simulate", "stable", "1.5.0", "--recorded")
    assert (done.exit_code, "nothing was collected" in done.stderr) == (13, True)


def test_without_a_gate_it_goes_on(ready):
    """The disaster: all waves are signed ahead, nobody pulls the brake, and everybody gets a bad release."""
    course = simulated(ready, "--agents", "2000", "--strategy", "scheduled", "--fails", "100")
    assert course["failed"] == course["exposed"] > 0.9 * 2000


def test_the_same_twice(ready):
    """A simulation is the same each time; another seed gives another fleet."""
    first, second, other = (
        [point["versions"] for point in simulated(ready, "--agents", "300", "--seed", seed)["points"]]
        for seed in ("1", "1", "2")
    )
    assert first == second
    assert first != other


def test_it_stages_nothing_and_draws(ready, tmp_path):
    """A picture and a table, and a workspace as it was."""
    before = sorted(path for path in ready.folder.rglob("*") if ".cache" not in path.parts)
    done = ready.run("simulate", "stable", "1.5.0", "--agents", "300", "--picture", tmp_path / "course.svg")
    assert "1.5.0 starts, gated" in done.stdout
    assert (tmp_path / "course.svg").read_text().startswith("<?xml")
    assert sorted(path for path in ready.folder.rglob("*") if ".cache" not in path.parts) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["9.9.9"], "there is no release 9.9.9"),
        (["1.4.2"], "every made-up host runs 1.4.2 already"),
        (["1.5.0", "--preset", "brisk"], "no preset 'brisk'"),
        (["1.5.0", "--picture", "course.gif"], "course.gif is no picture"),
        (["1.5.0", "--picture", "nowhere/course.svg"], "there is no folder nowhere to draw in"),
        (["1.5.0", "--fails", "nan"], "nan is no percentage"),
        (["1.5.0", "--lasting", "soon"], "not a span of time"),
    ],
)
def test_what_cannot_be_simulated(ready, options, says):
    """Each mistake is named."""
    done = ready.run("simulate", "stable", *options)
    assert done.exit_code in {2, 13}
    assert says in done.stderr
