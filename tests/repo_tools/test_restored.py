"""A store is restored from a backup that is older than what hosts have seen."""

import shutil
from datetime import timedelta

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
    work.do("sign", "--yes")
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


def back_to(stage, backup):
    """Put a copy in place of the store, and forget what this workspace published."""
    shutil.rmtree(stage.work.store)
    shutil.copytree(backup, stage.work.store)
    shutil.rmtree(stage.work.folder / ".cache")


def test_a_root_that_is_known_here_shows_that_a_store_was_restored(stage):
    """A fresh copy of the workspace remembers no publication, but its root is newer than the store's."""
    backup = shutil.copytree(stage.work.store, stage.folder / "backup")
    stage.key("fresh")
    stage.work.do("key", "rotate", "root", "--old", "root", "--new", "fresh")
    stage.publish()
    back_to(stage, backup)
    refused = stage.work.run("refresh")
    assert refused.exit_code == 15
    assert "root 2 was published, as root.json here shows" in refused.stderr


def test_what_is_staged_shows_that_a_store_was_restored(stage):
    """A change that was prepared from a version which is gone is not published in its place."""
    backup = shutil.copytree(stage.work.store, stage.folder / "backup")
    for words in (("--version", "1.4.2"), ("--release",)):
        stage.work.do("brake", "stable", *words)
        stage.publish()
    stage.work.do("brake", "stable", "--version", "1.4.2")
    stage.work.do("sign", "--yes")
    back_to(stage, backup)
    refused = stage.work.run("publish")
    assert refused.exit_code == 15
    assert "agent.stable.brake 3 was public when the next one was staged" in refused.stderr


def test_several_timestamps_above_the_live_one_were_not_left_by_the_dead(rolled, danger):
    """Somebody put an old timestamp back; whoever went past the others would call them never public."""
    client = danger.client("one")
    live = rolled.store / "metadata" / "timestamp.json"
    old = live.read_bytes()
    for words in (("--version", "1.4.2"), ("--release",)):
        rolled.now += timedelta(hours=1)
        rolled.do("brake", "stable", *words)
        rolled.sign_and_publish()
        assert not danger.breaks(client)
    newest = live.read_bytes()
    live.write_bytes(old)
    shutil.rmtree(rolled.folder / ".cache")
    rolled.now += timedelta(hours=1)
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    refused = rolled.run("publish")
    assert refused.exit_code == 15
    assert "were signed already" in refused.stderr
    live.write_bytes(newest)
    rolled.do("publish")
    assert not danger.breaks(client)
