"""The real agent, before, during and after somebody has a key that was stolen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.scene import WAVES, Scene
from tests.support.host import Host
from tests.support.web import serving
from tests.support.workspace import HERE, Workspace

WAVE_NAMES = ("canary", "full")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A host that runs 1.0.0 from a repository of its own."""
    repo = Workspace(tmp_path / "repo").found(*WAVES)
    host = Host(tmp_path / "host")
    with serving(repo.store) as web:
        yield Scene(repo, web, host).ready()
        host.close()


def recovered(scene: Scene, key: str, *good: str) -> None:
    """Revoke a stolen key, publish, and order another release."""
    scene.repo.do("key", "new", "fresh", "--no-passphrase")
    scene.repo.do("key", "revoke", key, "--compromised", "--new", "fresh", *good)
    assert scene.host.tick().exit_code == 0
    scene.repo.sign_and_publish()
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "1.0.0")
    (scene.repo.keys / f"{key}.pem").rename(scene.repo.base / f"{key}.pem")
    scene.release("1.1.0")
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "1.1.0")
    (scene.repo.base / f"{key}.pem").rename(scene.repo.keys / f"{key}.pem")


def attacked(scene: Scene, role: str, key: str, jump: int = 0) -> None:
    """Sign a role with a stolen key, far ahead, and seal it with whatever is the online key by now."""
    found = scene.forge.load(role)
    found.signed.version += jump + 1
    scene.forge.sign(found, key)
    path = scene.repo.store / "metadata" / f"{found.signed.version}.{role}.json"
    path.write_bytes(found.to_bytes())
    scene.forge.seal()


@pytest.mark.parametrize(
    ("key", "role", "jump"),
    [
        ("rollouts", "agent.stable.canary", 1_000_000),
        ("rollouts", "agent.stable.brake", 50),
        ("rollouts", "agent.stable.selected", 3_000),
        ("rollouts", "agent.stable", 0),
        ("releases", "agent.releases", 0),
        ("root", "targets", 7),
    ],
)
def test_an_agent_follows_a_recovery(scene, key, role, jump):
    """It believes the thief before, the owners from the publication on, and the thief never again."""
    attacked(scene, role, key, jump)
    assert scene.host.tick().exit_code == 0
    recovered(scene, key)
    attacked(scene, role, key)
    assert (scene.host.tick().exit_code, scene.host.runs) == (12, "1.1.0")


def test_an_agent_goes_back_from_what_a_thief_added(scene):
    """Others had ordered it already: it is called back as its release goes, and the next goes above it."""
    good = scene.forge.version("agent.releases")
    scene.release("6.6.6")
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "6.6.6")
    scene.repo.do("brake", "stable", "--rollout", "stable-0002")
    scene.repo.sign_and_publish()
    scene.repo.do("rollout", "recall", "stable", "1.0.0", "--from", "==6.6.6")
    recovered(scene, "releases", "--good", f"agent.releases={good}")
    refused = scene.repo.run("release", "add", "6.6.6", scene.repo.build("6.6.6"), "--platform", HERE)
    assert "6.6.6 was published, and retired" in refused.stderr
    attacked(scene, "agent.releases", "releases")
    assert (scene.host.tick().exit_code, scene.host.runs) == (12, "1.1.0")


def test_an_agent_goes_back_from_what_a_thief_ordered(scene):
    """The brake holds the thief's rollout, and neither the honest one that comes back nor the recall."""
    good = [f"--good=agent.stable.{one}={scene.forge.version(f'agent.stable.{one}')}" for one in WAVE_NAMES]
    scene.release("6.6.6")
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "6.6.6")
    scene.repo.do("brake", "stable", "--rollout", "stable-0002")
    scene.repo.sign_and_publish()
    scene.repo.do("key", "new", "fresh", "--no-passphrase")
    scene.repo.do("key", "revoke", "rollouts", "--compromised", "--new", "fresh", *good)
    scene.repo.sign_and_publish()
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "6.6.6")
    scene.recall("1.0.0", "==6.6.6")
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "1.0.0")
    scene.repo.do("brake", "stable", "--release")
    scene.repo.sign_and_publish()
    attacked(scene, "agent.stable.canary", "rollouts")
    assert (scene.host.tick().exit_code, scene.host.runs) == (12, "1.0.0")


def test_an_agent_forgets_a_fast_forwarded_timestamp(scene):
    """What the agent remembers outside of its cache ends with the stolen key, too."""
    honest = scene.forge.version("timestamp")
    metadata = scene.repo.store / "metadata"
    found = scene.forge.load("timestamp")
    found.signed.version = 2**53 - 1
    scene.forge.sign(found, "online")
    bad = found.to_bytes()
    (metadata / "timestamp.json").write_bytes(bad)
    assert scene.host.tick().exit_code == 0
    recovered(scene, "online", "--good", f"timestamp={honest}")
    (metadata / "timestamp.json").write_bytes(bad)
    assert (scene.host.tick().exit_code, scene.host.runs) == (12, "1.1.0")


def test_an_agent_forgets_a_fast_forwarded_snapshot(scene):
    """The timestamp's number is an honest one, and the snapshot's cannot be followed by anybody else."""
    honest = scene.forge.version("timestamp")
    attacked(scene, "snapshot", "online", 1_000_000)
    assert scene.host.tick().exit_code == 0
    bad = (scene.repo.store / "metadata" / "timestamp.json").read_bytes()
    recovered(scene, "online", "--good", f"timestamp={honest}")
    (scene.repo.store / "metadata" / "timestamp.json").write_bytes(bad)
    assert (scene.host.tick().exit_code, scene.host.runs) == (12, "1.1.0")


def test_an_agent_polls_through_the_rotation_of_the_online_key(scene):
    """Three publications, and each tick between them succeeds."""
    scene.repo.do("key", "new", "fresh", "--no-passphrase")
    scene.repo.do("key", "rotate", "all", "--old", "online", "--new", "fresh")
    scene.repo.do("sign", "--yes")
    for command in ("publish", "publish", "refresh"):
        scene.repo.do(command, "--at-once")
        assert scene.host.tick().exit_code == 0
    (scene.repo.keys / "online.pem").unlink()
    scene.release("1.1.0")
    assert (scene.host.tick().exit_code, scene.host.runs) == (0, "1.1.0")
