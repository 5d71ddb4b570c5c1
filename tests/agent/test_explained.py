"""What ``tidegate explain`` says of a host is what the host does."""

from datetime import timedelta

import pytest

from tests.agent.scene import AGENT, Scene
from tests.support.workspace import HERE


def explained(scene: Scene, at: str = "now") -> tuple[str, str, str]:
    """Return action, rule and sentence of what the host decides, from what is public."""
    known = ("--agent", AGENT, "--platform", HERE, "--running", "1.0.0", "--at", at)
    said = scene.repo.do("explain", scene.web.url, "--root", scene.repo.root_file, *known)["decision"]
    return said["action"], said["rule"], said["text"]


@pytest.mark.parametrize("role", ["timestamp", "agent.stable.canary", "agent.releases"])
def test_a_host_with_expired_metadata_stays_and_so_it_is_explained(scene, role):
    """An update that is ordered does not start while a role on the way to it has expired."""
    scene.ready()
    scene.release("1.1.0")
    assert explained(scene)[:2] == ("update", "update")
    if role == "timestamp":
        scene.forge.seal(expires_in=timedelta(seconds=-1))
    else:
        with scene.forge.edit(role) as signed:
            signed.expires -= timedelta(days=1000)
    action, rule, text = explained(scene)
    assert (action, rule) == ("stay", "expired")
    assert text.startswith(f"{role} expired at ")
    done = scene.host.tick()
    assert (done.exit_code, scene.host.runs) == (12, "1.0.0")
    assert "expired" in done.stderr


def test_a_host_is_explained_for_a_time_after_expiry(scene):
    """Asked for a day on which nobody has signed anything for long, it names all that had expired by then."""
    scene.ready()
    _, rule, text = explained(scene, "400d")
    assert rule == "expired"
    assert all(f"{name} expired at " in text for name in ("timestamp", "snapshot", "targets", "root"))
    assert "agent.stable.full" not in text  # this host never asks for it
