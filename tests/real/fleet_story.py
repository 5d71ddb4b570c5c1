"""Hosts enrol by token, take an update in three waves, and the collector says what became of each.

Run with twelve hosts by the suite, and with sixty by ``make test-fleet``.
"""

from pathlib import Path
from typing import Any

from tests.support.fleet import GOOD, NEXT, Fleet, gathered
from tests.support.systemd import may_mount
from tests.support.workspace import CHANNEL


def tell(folder: Path, hosts: int) -> None:
    """Tell the story: three hosts go back, two go silent, one is a clone."""
    may_mount()
    with gathered(folder) as fleet:
        sizes = {"canary": hosts // 4, "early": hosts // 4, "full": hosts // 2}
        fleet.enrol(fleet.names(sizes))
        by_wave = {wave: [one for one in fleet.members if fleet.wave_of(one.name) == wave] for wave in sizes}
        assert {wave: len(members) for wave, members in by_wave.items()} == sizes
        _first_version(fleet)
        original = by_wave["full"][0]
        clone = original.copied(folder / "clone")
        unwell = [by_wave["canary"][0], by_wave["early"][0], by_wave["full"][1]]
        for member in unwell:
            member.sicken()
        fleet.build(NEXT)
        fleet.order("start", CHANNEL, NEXT, "--strategy", "manual")
        waves = list(by_wave)
        for number, wave in enumerate(waves):
            if number:
                fleet.order("promote", CHANNEL)
            if wave != "canary":
                fleet.cut_power(by_wave[wave][-1])
            fleet.tick([one for before in waves[: number + 1] for one in by_wave[before]])
        assert clone.tick().exit_code == 0
        fleet.soak([*fleet.members, clone])
        _judge(fleet, sizes, [one.name for one in unwell], original.name)
        clone.close()


def _first_version(fleet: Fleet) -> None:
    """Bring a first version to everybody."""
    fleet.build(GOOD)
    fleet.order("start", CHANNEL, GOOD, "--strategy", "immediate")
    fleet.tick(fleet.members)
    assert {member.installed for member in fleet.members} == {GOOD}


def _judge(fleet: Fleet, sizes: dict[str, int], unwell: list[str], cloned: str) -> None:
    """Compare what was collected with what happened."""
    installed = {member.name: member.installed for member in fleet.members}
    back = {name for name, version in installed.items() if version == GOOD}
    assert back == set(unwell)
    found = fleet.collect()
    assert sorted(found["enrolled"]) == sorted(installed)
    assert found["set_aside"].keys() <= {"conflict"}
    assert found["clones"] == [cloned]
    assert [one["agent"] for one in fleet.query("clones")] == [cloned]
    (failure,) = [one for one in fleet.query("failures") if one["version"] == NEXT]
    assert (failure["stage"], failure["reason"], failure["agents"]) == ("update_healthcheck", "unhealthy", 3)
    progress = {one["wave"]: one for one in fleet.query("progress") if one["rollout"] == failure["rollout"]}
    assert {wave: _counts(one) for wave, one in progress.items()} == {
        "canary": (sizes["canary"], sizes["canary"] - 1, 1, 0),
        "early": (sizes["early"], sizes["early"] - 2, 1, 1),
        "full": (sizes["full"], sizes["full"] - 2, 1, 1),
    }
    (hosts,) = fleet.query("hosts")
    assert hosts["present"] == len(installed)


def _counts(one: dict[str, Any]) -> tuple[int, int, int, int]:
    return one["expected"], one["ok"], one["back"], one["silent"]


def test_sixty_hosts(tmp_path):
    """Sixty agents, a real drop box, and numbers that are exactly what happened."""
    tell(tmp_path, 60)
