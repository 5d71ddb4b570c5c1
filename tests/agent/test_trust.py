"""Attacks: whatever a server, or somebody with one stolen key, serves; what runs goes on running."""

import json
import shutil
from datetime import timedelta

import pytest
from tuf.api.metadata import TargetFile

from tests.agent.forge import BASE
from tests.support.web import answer
from tests.support.workspace import Workspace


def refused(scene, exit_code: int, said: str = "") -> None:
    """A tick fails with this exit code, and the product does not notice."""
    pid = scene.host.pid
    done = scene.host.tick()
    assert done.exit_code == exit_code, done.stderr
    assert said in done.stderr
    assert "hint: " in done.stderr
    assert (scene.host.runs, scene.host.pid) == ("1.0.0", pid)


def refused_by(scene, rule: str) -> None:
    """A tick's answer is no, by this rule, and the product does not notice."""
    pid = scene.host.pid
    done = scene.host.tick()
    assert (done.exit_code, done.entry["decision"]["action"], done.rule) == (0, "refuse", rule)
    assert (scene.host.runs, scene.host.pid) == ("1.0.0", pid)


def test_a_tampered_artifact(scene):
    """Other bytes under an artifact's name are noticed before they are unpacked."""
    scene.ready()
    scene.release("1.1.0")
    good = scene.artifact("1.1.0").read_bytes()
    scene.artifact("1.1.0").write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    refused(scene, 12, "is not what was signed")
    assert scene.host.versions == ["1.0.0"]
    scene.artifact("1.1.0").write_bytes(good)
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_tampered_document(scene):
    """Other bytes under a release document's name are noticed."""
    scene.ready()
    scene.release("1.1.0")
    scene.web.faults["release.json"] = answer(200, b"{}" * 100)
    refused(scene, 12, "is not what was signed")


@pytest.mark.parametrize("key", ["rollouts", "releases"])
def test_a_timestamp_signed_by_another_key(scene, key):
    """Keys of other roles do not count for the timestamp."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.seal(key=key)
    refused(scene, 12)


@pytest.mark.parametrize("role", ["agent.stable", "agent.stable.canary", "agent.releases"])
def test_a_role_signed_by_another_key(scene, role):
    """A role is believed by its own keys: the releases key orders nothing, the wave key releases nothing."""
    scene.ready()
    key = "rollouts" if role == "agent.releases" else "releases"
    scene.release("1.1.0")
    with scene.forge.edit(role, key=key):
        pass
    refused(scene, 12)


def test_a_wave_that_orders_for_another_wave(scene):
    """An order says which wave it is for, and the delegations say who signed it."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.order("canary", {"wave": "full"})
    refused_by(scene, "foreign")


def test_a_wave_cannot_reach_beyond_its_delegation(scene, another_host):
    """What a canary key signs for everybody's route reaches nobody."""
    scene.ready()
    other = another_host("host-2")
    other.tick()
    scene.add("1.1.0")
    scene.repo.sign_and_publish()
    with scene.forge.edit("agent.stable.canary") as signed:
        entry = next(iter(signed.targets.values()))
        order = {**entry.custom["tidegate"], "version": "1.1.0", "wave": "full"}
        signed.targets[f"{BASE}/default"] = scene.forge.routed(f"{BASE}/default", "1.1.0", order)
    assert other.tick().rule == "current"
    assert other.runs == "1.0.0"


@pytest.mark.parametrize("role", ["agent.stable", "targets"])
def test_an_order_outside_of_the_waves(scene, role):
    """Neither the channel role nor the targets role may order anything."""
    scene.ready()
    scene.release("1.1.0")
    route, entry = next(iter(scene.forge.load("agent.stable.canary").signed.targets.items()))
    with scene.forge.edit(role) as signed:
        signed.targets[route] = TargetFile(entry.length, dict(entry.hashes), route, {"custom": entry.custom})
    refused_by(scene, "foreign")


def test_a_release_that_is_swapped_under_its_order(scene):
    """A releases key alone cannot replace what a wave has signed for."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.document("agent.releases", "releases/agent/1.1.0/release.json", {"start_s": 99})
    refused_by(scene, "disagree")


def test_an_order_for_a_release_that_nobody_released(scene):
    """A wave key alone cannot invent software."""
    scene.ready()
    scene.add("1.1.0")
    scene.repo.sign_and_publish()
    with scene.forge.edit("agent.stable.canary") as signed:
        for route, entry in list(signed.targets.items()):
            order = {**entry.custom["tidegate"], "version": "6.6.6"}
            signed.targets[route] = scene.forge.put(route, b'{"evil": true}', {"tidegate": order})
    refused_by(scene, "disagree")


def test_a_version_whose_document_changed(scene):
    """Both keys together cannot change what a host has seen under a version."""
    scene.ready()
    scene.release("1.1.0", "liar")
    assert scene.host.tick().rule == "quarantined"
    scene.forge.document("agent.releases", "releases/agent/1.1.0/release.json", {"start_s": 99})
    scene.forge.point("1.1.0", retry=1)
    refused_by(scene, "disagree")


def test_an_older_timestamp(scene):
    """A server that goes back in time is noticed, whatever its signatures."""
    scene.ready()
    old = (scene.repo.store / "metadata" / "timestamp.json").read_bytes()
    scene.release("1.1.0", "good", "--requires", ">=9")
    scene.host.tick()
    scene.web.faults["timestamp.json"] = answer(200, old)
    refused(scene, 12)


def test_an_old_repository_and_a_wiped_cache(scene, tmp_path):
    """What a host has seen is remembered outside of the cache."""
    scene.ready()
    shutil.copytree(scene.repo.store, tmp_path / "old")
    scene.forge.policy(poll_s=2)
    scene.host.tick()
    shutil.rmtree(scene.host.state / "tuf")
    shutil.rmtree(scene.repo.store)
    shutil.copytree(tmp_path / "old", scene.repo.store)
    refused(scene, 12, "this host has seen")


def test_a_restored_cache(scene, tmp_path):
    """Restoring the cache from a copy, as an old disk image does, is noticed too."""
    scene.ready()
    for name, folder in (("store", scene.repo.store), ("cache", scene.host.state / "tuf")):
        shutil.copytree(folder, tmp_path / name, symlinks=True)
    scene.forge.order("canary", {"reason": "again"})
    scene.host.tick()
    for name, folder in (("store", scene.repo.store), ("cache", scene.host.state / "tuf")):
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / name, folder, symlinks=True)
    refused(scene, 12, "this host has seen")


def test_a_role_alone_that_goes_back(scene):
    """An old order under a new snapshot is refused by the memory, also where the cache was wiped."""
    scene.ready()
    scene.forge.order("canary", {"reason": "again"})
    scene.host.tick()
    scene.forge.path("agent.stable.canary").unlink()
    scene.forge.seal()
    shutil.rmtree(scene.host.state / "tuf")
    refused(scene, 12, "agent.stable.canary is version")


def test_expired_metadata(scene):
    """Expired metadata installs nothing and stops nothing; the clock is named as a possible cause."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.seal(expires_in=timedelta(seconds=-1))
    refused(scene, 12, "compare this host's clock")
    scene.forge.seal()
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_an_expired_wave(scene):
    """An expired wave role ends the look-up: the host does not fall through to another wave."""
    scene.ready()
    scene.release("1.1.0")
    with scene.forge.edit("agent.stable.canary") as signed:
        signed.expires = signed.expires - timedelta(days=1000)
    refused(scene, 12, "expired")


def test_a_clock_that_is_behind_is_named(scene):
    """A clock is judged by signed issue times, and its trouble is told."""
    scene.ready()
    scene.forge.seal(issued_ago=timedelta(hours=-1))
    assert "clock is behind" in scene.host.tick().json["clock"]


def test_a_timestamp_that_pins_no_digests(scene):
    """Lengths and digests of every file are demanded, although TUF leaves them open."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.seal(digests=False)
    refused(scene, 12, "without length and SHA-256")


def test_another_repository_under_the_same_address(scene, tmp_path):
    """A host follows the root that it pinned, not the address."""
    scene.ready()
    other = Workspace(tmp_path / "other").found()
    shutil.rmtree(scene.repo.store)
    shutil.copytree(other.store, scene.repo.store)
    refused(scene, 12)


@pytest.mark.parametrize(
    "changes",
    [{"format": "tidegate.order/2"}, {"colour": "blue", "critical": ["colour"]}],
    ids=["number", "critical"],
)
def test_an_order_for_a_newer_agent(scene, changes):
    """An order of a newer format, or with a critical field that is not known, is an error and no decision."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.order("canary", changes)
    refused(scene, 10, "newer")


def test_fields_that_are_not_known_do_no_harm(scene):
    """Agents outlive formats: what they do not know they ignore, unless it is critical."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.order("canary", {"colour": "blue"})
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


@pytest.mark.parametrize(
    "changes", [{"format": "tidegate.policy/2"}, {"critical": ["colour"], "colour": "blue"}]
)
def test_a_policy_for_a_newer_agent(scene, changes):
    """The same holds for every document."""
    scene.ready()
    scene.forge.policy(**changes)
    refused(scene, 10, "newer")


def test_an_order_that_makes_no_sense(scene):
    """A malformed order is an error, not an invitation to look elsewhere."""
    scene.ready()
    scene.forge.order("canary", {"state": "perhaps"})
    refused(scene, 10)


def test_a_policy_for_another_channel(scene):
    """A policy that was signed for another channel is foreign."""
    scene.ready()
    scene.release("1.1.0")
    scene.forge.policy(channel="beta")
    refused_by(scene, "foreign")


def test_metadata_that_is_no_metadata(scene):
    """Whatever a server answers with is an error with a hint, never a crash."""
    scene.ready()
    scene.web.faults["timestamp.json"] = answer(200, json.dumps({"signed": 1}).encode())
    refused(scene, 10)


def test_an_artifact_that_the_releases_role_does_not_list(scene):
    """What a release document names must be listed by the role that signs releases."""
    scene.ready()
    scene.release("1.1.0")
    with scene.forge.edit("agent.releases") as signed:
        del signed.targets["releases/agent/1.1.0/linux-x86_64.tar.zst"]
    refused(scene, 12, "does not list")


def test_a_root_rotation_is_followed(scene):
    """A new root that the old one signed is trusted."""
    scene.ready()
    root = scene.forge.load("root")
    root.signed.version += 1
    scene.forge.sign(root, "root")
    (scene.repo.store / "metadata" / "2.root.json").write_bytes(root.to_bytes())
    scene.release("1.1.0")
    scene.host.tick()
    assert scene.host.runs == "1.1.0"


def test_a_root_that_the_old_one_did_not_sign(scene):
    """Nobody but the owners can replace the root."""
    scene.ready()
    root = scene.forge.load("root")
    root.signed.version += 1
    scene.forge.sign(root, "online")
    (scene.repo.store / "metadata" / "2.root.json").write_bytes(root.to_bytes())
    refused(scene, 12)
