"""A store is restored from a backup that is older than what hosts have seen."""

import shutil

import pytest

from tests.support.stage import ROUTE


@pytest.fixture
def restored(stage):
    """A repository whose store is that of two publications ago, and a client that saw the newest."""
    shutil.copytree(stage.work.store, stage.folder / "backup")
    for _ in range(2):
        stage.work.do("refresh")
    assert stage.old.trusts(ROUTE)
    stage.work.store.rename(stage.folder / "newer")
    shutil.copytree(stage.folder / "backup", stage.work.store)
    return stage


def test_nothing_is_published_over_a_restored_store(restored):
    """Both ways to publish refuse it, and go on once the newer store is back."""
    work = restored.work
    work.do("brake", "agent/stable", "--version", "1.4.2", "--reason", "a crash loop")
    work.do("sign")
    for command in ("refresh", "publish"):
        refused = work.run(command)
        assert refused.exit_code == 15, refused.stderr
        assert "was published from here" in refused.stderr
    shutil.rmtree(work.store)
    (restored.folder / "newer").rename(work.store)
    restored.publish()
    restored.everybody_is_well()


def test_a_damaged_memory_keeps_nobody_from_publishing(stage):
    """What is remembered is an aid: where it cannot be read, it says nothing."""
    for path in (stage.work.folder / ".cache" / "named").iterdir():
        path.write_bytes(b"{")
    stage.work.do("refresh")
    stage.everybody_is_well()


def test_a_new_online_key_is_the_way_out(restored):
    """Where no newer copy is left, hosts forget the numbers with the key that signed them."""
    shutil.rmtree(restored.work.folder / ".cache")
    restored.key("online-2")
    restored.work.do("key", "revoke", "online", "--compromised", "--new", "online-2")
    restored.publish()
    restored.everybody_is_well()
