"""What a plan says of the hosts, before anything is signed."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from metadata.fields import Pointer
from metadata.release import Artifact, Delta, Release
from repo_tools.waves.forecast import Part, download_bytes, peak_bytes
from tests.support.chorus import BACK, Chorus
from tests.support.collection import Collection
from tests.support.workspace import HERE, Workspace

AT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
PLAN = ("rollout", "plan", "stable", "1.5.0")


@pytest.fixture
def fleet(real_time, tmp_path):
    """A channel with 1.4.2 everywhere, 1.5.0 added, and nobody heard of."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    repo.add("1.5.0")
    (tmp_path / "box").mkdir()
    return Chorus(Collection(repo, tmp_path / "box"), AT)


def planned(fleet, *options):
    """Collect, and return the forecast."""
    fleet.collection.collect()
    return fleet.collection.repo.do(*PLAN, *options)["forecast"]


def size(fleet, version):
    """Return the bytes of a version's artifact."""
    desk = fleet.collection.repo.desk()
    return desk.tree.view("agent.releases").entries[f"releases/agent/{version}/{HERE}.tar.zst"].length


def test_without_reports_a_plan_says_what_it_does_not_know(fleet):
    """What it knows it shows all the same, and names the way to the rest."""
    said = fleet.collection.repo.do(*PLAN)
    assert said["forecast"]["known"] is False
    assert said["signatures"]
    shown = fleet.collection.repo.run(*PLAN).stdout
    assert "nothing was collected yet; tidegate fleet collect LOCATION" in " ".join(shown.split())


def test_hosts_are_counted_by_wave_and_by_what_they_run(fleet):
    """Who runs it, who is pinned and who is ahead takes nothing; what is no version is nothing known."""
    canaries, others = fleet.names("canary", 5), fleet.names("full", 3)
    fleet.join([*canaries, *others])
    for host, running in zip(canaries, ("1.4.2", "1.5.0", "1.6.0", "gone fishing", "1.4.2"), strict=True):
        fleet.say([host], {"stage": "heartbeat"}, running=running)
    fleet.say(canaries[4:], {"stage": "heartbeat", "decision": {"rule": "pinned"}}, running="1.4.2")
    fleet.say(others, {"stage": "heartbeat"}, running="1.4.2")
    found = planned(fleet, "--spread-s", "4h")
    canary, _, full = found["waves"]
    assert [canary[name] for name in ("hosts", "takes", "runs", "held")] == [5, 2, 1, 2]
    assert [full[name] for name in ("hosts", "takes", "since")] == [3, 3, None]
    assert canary["download_bytes"] == 2 * size(fleet, "1.5.0")
    assert canary["hourly_bytes"] == canary["download_bytes"] // 4
    assert found["peak_hourly_bytes"] == full["hourly_bytes"] == 3 * size(fleet, "1.5.0") // 4
    assert fleet.collection.repo.run("agents", "list", "--running", "<1.5").exit_code == 0
    fleet.say(canaries[:1], *BACK, to="1.5.0")
    assert [planned(fleet)["waves"][0][name] for name in ("takes", "held")] == [1, 3]
    assert [planned(fleet, "--retry", "1")["waves"][0][name] for name in ("takes", "held")] == [2, 2]


def test_a_small_fleet_is_offered_counts_and_told_of_empty_waves(fleet):
    """Four hosts, none of them in canary: percentages are a lottery, and the gate would never open."""
    fleet.join(fleet.names("full", 4))
    [nobody, _, lottery] = planned(fleet, "--strategy", "gated")["notes"]
    assert "nobody in canary would take it, and a gate on nobody never opens" in nobody
    assert "of 4 hosts a percentage is a lottery" in lottery
    assert "--count --wave canary=1 --wave early=3" in lottery


def test_a_reshuffle_is_planned_with_the_places_that_it_draws(fleet):
    """Every host is still counted once, wherever the new salt puts it."""
    fleet.join(fleet.names("canary", 6))
    found = planned(fleet, "--reshuffle", "--strategy", "immediate")
    assert sum(wave["hosts"] for wave in found["waves"]) == found["hosts"] == 6


class Few:
    """Releases by version, each with one artifact; files by path, with their lengths."""

    def __init__(self, *releases: Release, lengths: dict[str, int]) -> None:
        self.releases = {release.version: release for release in releases}
        self.lengths = lengths

    def release(self, version: str) -> Release:
        """Return a release."""
        return self.releases[version]

    def length(self, path: str) -> int:
        """Return how long a file is."""
        return self.lengths[path]


def released(version, **fields):
    """Return a release with a full artifact, and a patch where one is named."""
    patches = [Delta(from_version=one, path=f"{version}.from-{one}") for one in fields.pop("patches", ())]
    part = Artifact(
        platform=HERE,
        path=f"releases/agent/{version}/{HERE}.tar.zst",
        kind="tree",
        payload_sha256="0" * 64,
        payload_bytes=1,
        deltas=patches,
    )
    return Release(product="agent", version=version, seq=1, artifacts=[part], **fields)


def test_a_patch_and_a_barrier_count():
    """From the version that a patch begins with only the patch is fetched; a barrier is one more download."""
    via = Pointer(version="1.5.0", sha256="0" * 64)
    whole = {version: f"releases/agent/{version}/{HERE}.tar.zst" for version in ("1.5.0", "1.6.0")}
    shelf = Few(
        released("1.5.0", patches=["1.4.2"]),
        released("1.6.0", requires=">=1.5", via=via),
        lengths={whole["1.5.0"]: 100, whole["1.6.0"]: 10, "1.5.0.from-1.4.2": 1},
    )
    assert download_bytes(shelf, "1.5.0", "1.4.2") == 1
    assert download_bytes(shelf, "1.5.0", "") == 100
    assert download_bytes(shelf, "1.6.0", "1.4.2") == 11
    assert download_bytes(shelf, "1.6.0", "1.5.0") == 10
    assert download_bytes(shelf, "1.6.0", "") == 10


def test_waves_that_overlap_add_up():
    """The busiest hour is where spreads meet; what comes later than both is not added."""
    hours = [timedelta(hours=number) for number in (0, 2, 9)]
    parts = [Part("wave", 10, 10, 0, AT + hour, 4 * 3_600, 400) for hour in hours]
    assert peak_bytes(parts) == 200
    assert peak_bytes([*parts, Part("last", 10, 10, 0, None, 3_600, 250)]) == 250
    assert peak_bytes([]) == 0
