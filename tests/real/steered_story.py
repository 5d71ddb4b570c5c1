"""A job steers rollouts by what hosts report: a bad release is halted, a good one comes to everybody.

Afterwards every decision of every host is worked out again from what was published. Run with twelve hosts by
the suite, and with sixty by ``make test-fleet``.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.audits import found
from tests.support.fleet import GOOD, NEXT, Fleet, Member, gathered
from tests.support.host import eventually
from tests.support.systemd import may_mount
from tests.support.workspace import CHANNEL

MENDED = "1.2.0"
TRIAL_S = 2
FAILS = 0.08
"""Share of the hosts that cannot bear the bad release, to the nearest host."""


@dataclass(frozen=True)
class Did:
    """What a host decided."""

    agent: str
    at: str
    running: str
    rule: str
    version: str
    gave_up: str = ""


def tell(folder: Path, hosts: int) -> None:
    """Tell the story: 8 % of sixty hosts cannot bear the bad release, two of them in canary.

    Eight in a hundred of twelve hosts are one: there the two in canary are all that cannot.
    """
    may_mount()
    with gathered(folder) as fleet:
        sizes = {"canary": hosts // 3, "early": hosts // 4, "full": hosts - hosts // 3 - hosts // 4}
        fleet.enrol(fleet.names(sizes))
        waves = {wave: [one for one in fleet.members if fleet.wave_of(one.name) == wave] for wave in sizes}
        _everywhere(fleet)
        held = _halted(fleet, waves, _unwell(waves, hosts))
        _called_back(fleet, waves["canary"])
        _steered(fleet, waves)
        _told(fleet, sizes["canary"])
        for did in [*held, *_starts(fleet)]:
            assert _explained(fleet, did) == (did.rule, did.version), did


def _everywhere(fleet: Fleet) -> None:
    """Bring a first version to everybody, and make it the base."""
    fleet.build(GOOD, TRIAL_S)
    fleet.order("start", CHANNEL, GOOD, "--strategy", "immediate")
    fleet.tick(fleet.members)
    fleet.order("promote", CHANNEL)
    newest = max(file.stat().st_mtime for file in fleet.box.files)
    eventually(lambda: time.time() >= int(newest) + 1)  # who enrols in the second of a start comes after it


def _unwell(waves: dict[str, list[Member]], hosts: int) -> list[Member]:
    """Let the bad release fail on 8 % of the hosts, and on two of canary whatever that is."""
    others = [*waves["early"][:1], *waves["full"]]
    chosen = [*waves["canary"][:2], *others[: max(0, round(FAILS * hosts) - 2)]]
    assert len(chosen) == {60: 5, 12: 2}[hosts]
    for member in chosen:
        member.sicken()
    return chosen


def _halted(fleet: Fleet, waves: dict[str, list[Member]], unwell: list[Member]) -> list[Did]:
    """Let the job stop the bad release in its first wave; return what everybody decided then."""
    _start(fleet, NEXT)
    assert _advance(fleet)["rule"] == "nobody"
    fleet.tick(waves["canary"][:-1])
    step = _advance(fleet)
    assert (step["action"], step["wave"], step["counts"]["failed"]) == ("halt", "canary", 2)
    assert step["counts"]["members"] == len(waves["canary"]), step
    held = fleet.all(_tick, fleet.members)
    assert {one.rule for one in held} == {"hold", "current", "quarantined"}
    assert {member.name for member in fleet.members if member.installed == NEXT} == {
        member.name for member in waves["canary"][:-1] if member not in unwell
    }
    assert {one.agent for one in held if one.gave_up} == {member.name for member in waves["canary"][:2]}
    assert _advance(fleet)["rule"] == "held"
    return held


def _called_back(fleet: Fleet, canary: Sequence[Member]) -> None:
    """Let a person call back what the job only held."""
    fleet.order("recall", CHANNEL, GOOD, "--from", f"=={NEXT}", "--reason", "fails on some hosts")
    fleet.tick(canary)
    assert {member.installed for member in canary} == {GOOD}
    assert _advance(fleet)["rule"] == "recall"


def _steered(fleet: Fleet, waves: dict[str, list[Member]]) -> None:
    """Let the mended release go from wave to wave, each on the evidence of the one before."""
    _start(fleet, MENDED)
    for wave, members in waves.items():
        fleet.tick(members)
        assert _advance(fleet)["action"] == "wait"
        fleet.soak(members)
        step = _advance(fleet)
        assert (step["wave"], step["counts"]["ok"], step["counts"]["failed"]) == (wave, len(members), 0)
        assert step["rule"] == ("last" if wave == "full" else "few")
        if step["staged"]:
            fleet.repo.sign_and_publish()
    assert {member.installed for member in fleet.members} == {MENDED}


def _start(fleet: Fleet, version: str) -> None:
    """Begin a gated rollout at a pace for tests: nobody waits for others or for a long soak."""
    fleet.build(version, TRIAL_S)
    words = ("--strategy", "gated", "--spread-s", "0", "--reason", f"brings {version}")
    fleet.repo.do("rollout", "start", CHANNEL, version, *words)
    plan = max((fleet.repo.folder / "rollouts").glob("*.json"))
    said = json.loads(plan.read_bytes())
    plan.write_text(json.dumps({**said, "pace": {**said["pace"], "spread_s": [0], "soak_s": 0}}))
    fleet.repo.sign_and_publish()


def _advance(fleet: Fleet) -> Any:
    """Collect, and let the job take its step."""
    fleet.collect()
    return fleet.repo.do("rollout", "advance", CHANNEL, "--publish")


def _tick(member: Member) -> Did:
    """Let a host poll that has nothing to do, and return what it decided."""
    running, at = str(member.installed), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    done = member.tick()
    assert done.exit_code == 0, done.stderr
    decision = done.entry["decision"]
    [(gave_up,)] = member.query("SELECT coalesce(max(version), '') FROM quarantine")
    return Did(member.name, at, running, decision["rule"], decision["version"], gave_up)


def _starts(fleet: Fleet) -> list[Did]:
    """Return every switch that any host's journal tells of."""
    switches = (
        """SELECT at, "from", "to" FROM event WHERE stage = 'update_install' AND outcome = 'ok' ORDER BY id"""
    )
    found = []
    for member in fleet.members:
        rows = member.query(switches)
        assert [to for _, _, to in rows[:1]] == [GOOD]
        for at, before, after in rows:
            found.append(Did(member.name, at, before or "", _rule(before, after), after))
    return found


def _rule(before: str | None, after: str) -> str:
    """Return the rule by which a host comes to a version."""
    return "recall" if (before, after) == (NEXT, GOOD) else "update"


def _explained(fleet: Fleet, did: Did) -> tuple[str, str]:
    """Return what the published history alone says that a host decided."""
    running = ("--running", did.running) if did.running else ()
    asked = ("--agent", did.agent, "--at", did.at, *running)
    given_up = ("--quarantine", did.gave_up) if did.gave_up else ()
    decision = fleet.repo.do("explain", fleet.repo.store, *asked, *given_up)["decision"]
    return decision["rule"], decision["version"]


def _told(fleet: Fleet, canary: int) -> None:
    """Find the whole story in what is published, with evidence for each wave that was opened."""
    log = fleet.repo.run("log").stdout
    chapters = [
        f"{GOOD} → {MENDED} for up to 100 %",
        f"{GOOD} → {MENDED} for up to 50 %",
        f"{GOOD} → {MENDED} for up to 25 %",
        f"{NEXT} → {GOOD} (recall)",
        f"2 of {canary} hosts failed",
        f"{GOOD} → {NEXT} for up to 25 %",
    ]
    places = [log.index(chapter) for chapter in chapters]
    assert places == sorted(places), log
    assert log.count("evidence: ") == 2
    said = [one["text"] for one in found(fleet.repo).get("evidence", [])]
    assert all("the wave has to be open until" in text for text in said), (
        said
    )  # no pace that ships is as fast


def test_sixty_hosts(tmp_path):
    """Sixty agents and a job: what fails on five ends with two in canary, and what mends it comes to all."""
    tell(tmp_path, 60)
