"""Time and memory: whatever is old or expired is not followed, also when the cache was wiped or restored."""

import shutil
from datetime import timedelta

from tests.agent.answers import refused
from tests.support.web import answer


def test_an_older_timestamp(scene):
    """A server that goes back in time is noticed, whatever its signatures."""
    scene.ready()
    old = (scene.repo.store / "metadata" / "timestamp.json").read_bytes()
    scene.forge.policy(poll_s=2)
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
