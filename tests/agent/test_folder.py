"""A host that follows a folder: a mounted share, or what a bundle brought over an air gap."""

from tests.agent.scene import AGENT


def test_a_host_follows_a_folder(scene):
    """The same tick without a web server; a missing folder is an unreachable repository."""
    scene.release("1.0.0")
    store = scene.repo.store
    assert scene.host.enroll(f"file://{store}", scene.repo.root_file, AGENT).exit_code == 0
    assert scene.host.tick().exit_code == 0
    assert scene.host.runs == "1.0.0"
    assert scene.web.requests == []
    away = store.rename(store.with_name("away"))
    assert scene.host.tick().exit_code == 11
    assert scene.host.runs == "1.0.0"
    away.rename(store)
    assert scene.host.tick().exit_code == 0
