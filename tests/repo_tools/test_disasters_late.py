"""What the check of late orders prevents: what was to happen little by little happens in one moment."""

import shutil
from typing import Any

from repo_tools.checks.facts import gather
from repo_tools.checks.lateness import late
from tests.support.disasters import Danger, disaster
from tests.support.workspace import Workspace


def at_once(danger: Danger, number: int = 40) -> int:
    """Return how many of so many hosts of the canaries start in this very second."""
    ids = (f"host-{one}" for one in range(10_000))
    told = (danger.decision(one, "1.4.2") for one in ids)
    canaries = [
        one["decision"]["rule"] for one, _ in zip(filter(is_canary, told), range(number), strict=False)
    ]
    return canaries.count("update")


def is_canary(told: Any) -> bool:
    """Return whether an explanation is of a host of the canaries."""
    return bool(told["wave"] == "canary")


@disaster("late")
def test_a_spread_that_ran_while_people_signed_starts_everybody_at_once(danger):
    """Staged at noon for two hours, public at half past one: most hosts would start in the same second."""
    danger.work.add("1.5.0")
    danger.work.do("rollout", "start", "stable", "1.5.0", "--spread-s", "2h")
    danger.wait(minutes=13)
    assert [one.level for one in late(gather(danger.work.desk(), publishing=True))] == ["warning"]
    danger.wait(minutes=77)
    said = danger.refusal()
    assert "agent.stable.canary would start 75 % of its hosts at once" in said
    assert "tidegate rollout resume stable --wave canary" in said.replace("agent/stable", "stable")
    staged = shutil.copytree(danger.work.base, danger.folder / "sound")
    danger.publish_anyway()
    assert at_once(danger) > 20
    sound = Danger(Workspace(staged, danger.now), danger.folder)
    sound.work.do("rollout", "resume", "stable", "--wave", "canary")
    sound.work.sign_and_publish()
    assert at_once(sound) == 0


@disaster("late")
def test_a_brake_that_was_lifted_hours_ago_lets_everybody_go_at_once(danger):
    """What it held spreads anew from when the lifting was staged, not from when hosts read of it."""
    danger.work.add("1.5.0")
    danger.work.do("rollout", "start", "stable", "1.5.0", "--spread-s", "2h")
    danger.work.do("brake", "stable", "--version", "1.5.0")
    danger.work.sign_and_publish()
    danger.wait(hours=3)
    assert not list(late(gather(danger.work.desk(), publishing=False)))
    danger.work.do("brake", "stable", "--release")
    danger.wait(hours=3)
    said = danger.refusal()
    assert "agent.stable.canary would start 100 % of its hosts at once" in said
    assert "brake agent/stable --release begins it anew" in said
    staged = shutil.copytree(danger.work.base, danger.folder / "sound")
    danger.publish_anyway()
    assert at_once(danger) == 40
    sound = Danger(Workspace(staged, danger.now), danger.folder)
    sound.work.do("brake", "stable", "--release")
    sound.work.sign_and_publish()
    assert at_once(sound) == 0


def updating(danger: Danger) -> list[str]:
    """Return the waves of which a host starts the update in this very second."""
    hosts = {wave: danger.host(wave) for wave in ("canary", "early", "full")}
    return [
        wave for wave, host in hosts.items() if danger.decision(host, "1.4.2")["decision"]["rule"] == "update"
    ]


def started(danger: Danger, *words: str) -> None:
    """Stage 1.5.0 so that each wave follows the one before it an hour later, whatever its spread."""
    danger.work.add("1.5.0")
    begin = ("--strategy", "scheduled", "--preset", "emergency", "--lead", "0s", "--spread-s", "0s")
    danger.work.do("rollout", "start", "stable", "1.5.0", *begin, *words)


@disaster("late")
def test_waves_that_were_to_follow_each_other_start_together(danger):
    """An emergency is signed nine hours after it was staged: nobody is left to see the canaries fail."""
    started(danger)
    danger.wait(hours=9)
    said = danger.refusal()
    assert "stable-0002 would start canary, early, full at once: they were to follow each other" in said
    assert "tidegate unstage its waves, and start it again" in said
    staged = shutil.copytree(danger.work.base, danger.folder / "sound")
    danger.publish_anyway()
    assert updating(danger) == ["canary", "early", "full"]
    sound = Danger(Workspace(staged, danger.now), danger.folder)
    sound.work.do("unstage", "agent.stable.canary", "agent.stable.early", "agent.stable.full")
    begin = ("--strategy", "scheduled", "--preset", "emergency", "--spread-s", "0s", "--lead", "0s")
    sound.work.do("rollout", "start", "stable", "1.5.0", *begin)
    sound.work.sign_and_publish()
    assert updating(sound) == ["canary"]


@disaster("ended")
def test_an_order_that_has_ended_leaves_new_hosts_with_nothing(work, tmp_path):
    """Every role is renewed and no rollout is complete: somebody must open the order anew."""
    danger = Danger(work, tmp_path / "clients")
    work.publish_release("1.4.2")
    assert stands(work) == {"go"}
    danger.wait(days=100)
    work.do("renew", "--yes")
    work.do("publish")
    new = danger.host("full")
    assert danger.decision(new)["decision"]["rule"] == "closed"
    assert stands(work) == {"closed"}
    said = [one["text"] for one in work.do("check")["findings"] if one["rule"] == "ended"]
    assert len(said) == 3
    assert (
        "agent.stable.canary: stable-0001 ended at 2026-11-29 12:00Z, and new hosts install nothing" in said
    )
    work.do("rollout", "resume", "stable")
    work.sign_and_publish()
    assert danger.decision(new)["decision"]["rule"] == "update"
    assert stands(work) == {"go"}
    assert not [one for one in work.do("check")["findings"] if one["rule"] == "ended"]


def stands(work: Workspace) -> set[str]:
    """Return how the waves' orders stand, as their table says it."""
    lines = work.run("rollout", "status").stdout.splitlines()
    return {word for line in lines for word in line.split() if word in {"go", "hold", "closed", "braked"}}


def test_some_waves_that_start_together_are_a_warning(danger):
    """Two of three hours went by: the last wave still waits, and whoever signs is told."""
    started(danger)
    danger.wait(minutes=80)
    (found,) = late(gather(danger.work.desk(), publishing=True))
    assert (found.level, found.text) == (
        "warning",
        "stable-0002 would start canary, early at once: they were to follow each other",
    )
    danger.work.do("brake", "stable", "--version", "1.5.0")
    assert not list(late(gather(danger.work.desk(), publishing=True)))


def test_waves_that_somebody_lets_start_together_are_not_late(danger):
    """Who resumes all of them has said so; and an urgent spread that is over is a warning, and no more."""
    started(danger)
    danger.wait(hours=9)
    danger.work.do("rollout", "resume", "stable", "--spread-s", "1h")
    assert not list(late(gather(danger.work.desk(), publishing=True)))
    danger.wait(hours=2)
    levels = {one.level for one in late(gather(danger.work.desk(), publishing=True))}
    assert levels == {"warning"}
