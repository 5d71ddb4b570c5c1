"""Attacks: whatever a server, or somebody with one stolen key, serves; what runs goes on running."""

import json
import shutil

import pytest
from tuf.api.metadata import TargetFile

from tests.agent.answers import refused, refused_by
from tests.agent.forge import BASE
from tests.support.web import answer
from tests.support.workspace import Workspace


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
