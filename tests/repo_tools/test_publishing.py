"""Publishing: in order, once, safe to repeat, and read back."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from metadata.errors import ConflictError, UnreachableError
from repo_tools.publishing import publish
from repo_tools.publishing.order import publishing_order
from repo_tools.store import Store
from tests.support.workspace import Workspace


@dataclass
class Dying:
    """A store that stops answering after some writes, as a publisher that is killed stops writing."""

    inner: Store
    left: int
    location: str = "a store that dies"

    def read(self, name: str) -> bytes | None:
        """Read."""
        return self.inner.read(name)

    def has(self, name: str) -> bool:
        """Look."""
        return self.inner.has(name)

    def create(self, name: str, data: bytes) -> None:
        """Write, or die."""
        self._breathe()
        self.inner.create(name, data)

    def upload(self, name: str, source: Path, sha256: str, on_bytes=lambda _count: None) -> None:
        """Write, or die."""
        self._breathe()
        self.inner.upload(name, source, sha256, on_bytes)

    def replace(self, name: str, data: bytes, expected: bytes | None) -> None:
        """Write, or die."""
        self._breathe()
        self.inner.replace(name, data, expected)

    def _breathe(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise UnreachableError("dead")


def files(folder: Path) -> dict[str, bytes]:
    """Return everything below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_listed_before_it_exists():
    """Targets, deep roles, snapshot, root, the kept timestamp, and the timestamp last."""
    names = [
        "metadata/timestamp.json",
        "metadata/2.root.json",
        "metadata/7.timestamp.json",
        "metadata/6.snapshot.json",
        "metadata/3.agent.stable.json",
        "metadata/4.agent.stable.canary.json",
        "targets/rollout/agent/stable/aa.default",
        "metadata/2.targets.json",
    ]
    assert publishing_order(names) == [
        "targets/rollout/agent/stable/aa.default",
        "metadata/4.agent.stable.canary.json",
        "metadata/3.agent.stable.json",
        "metadata/2.targets.json",
        "metadata/6.snapshot.json",
        "metadata/2.root.json",
        "metadata/7.timestamp.json",
        "metadata/timestamp.json",
    ]


@pytest.fixture
def ready(tmp_path: Path) -> Workspace:
    """1.4.2 is live in the only wave; 1.5.0 is staged and signed."""
    work = Workspace(tmp_path / "work").found("--wave", "all=100")
    work.publish_release("1.4.2")
    work.add("1.5.0")
    work.do("rollout", "start", "stable", "1.5.0")
    work.do("sign", "--yes")
    return work


def ordered(work: Workspace) -> str:
    """Return the version that a host is ordered to run, by what is public."""
    version: str = work.do("agents", "explain", "host-1")["order"]["version"]
    return version


def killed(work: Workspace, writes: int) -> bool:
    """Publish to a store that dies after some writes; return whether it died before the end."""
    desk = work.desk()
    desk.store = Dying(desk.store, writes)
    publication = publish.prepare(desk)
    try:
        publish.upload(desk, publication, publish.sealed(desk, publication))
    except UnreachableError:
        return True
    return False


def test_a_killed_publisher_leaves_the_old_tree_and_publishing_again_finishes(ready, tmp_path):
    """Killed at any point, clients see the old tree whole; the same command completes the new one."""
    shutil.copytree(ready.base, tmp_path / "kept")
    writes = 0
    while killed(ready, writes):
        assert ordered(ready) == "1.4.2"
        ready.do("publish")
        assert ordered(ready) == "1.5.0"
        assert not ready.do("status")["staged"]
        writes += 1
        shutil.rmtree(ready.base)
        shutil.copytree(tmp_path / "kept", ready.base)
    assert writes > 5


def test_a_publisher_killed_after_the_last_write_has_published(ready):
    """Only `staged/` is left over then; publishing again tidies it up."""
    assert not killed(ready, 100)
    assert ordered(ready) == "1.5.0"
    again = ready.do("publish")
    assert again["read_back"] > 0
    assert sorted(again["settled"]) == ["agent.releases", "agent.stable.all"]
    assert not list((ready.folder / "staged" / "targets").iterdir())


def test_whoever_publishes_second_starts_from_what_is_live(rolled, tmp_path):
    """Two people change the same wave: the second is told so, and nothing of the first is lost."""
    other = Workspace(tmp_path / "other", rolled.now)
    shutil.copytree(rolled.folder, other.folder)
    other.keys, other.store = rolled.keys, rolled.store
    (other.folder / "tidegate.toml").write_text(f'store = "{rolled.store}"\n')
    for work, version in ((rolled, "1.5.0"), (other, "1.5.1")):
        work.add(version)
        work.do("rollout", "start", "stable", version)
        work.do("sign", "--yes")
    rolled.do("publish")
    before = files(rolled.store)
    for command in ("publish", "sign"):
        result = other.run(command)
        assert result.exit_code == 15
        assert "hint:" in result.stderr
    assert files(rolled.store) == before
    assert other.do("status")["overtaken"] == ["agent.releases", "agent.stable.canary"]


def test_a_timestamp_that_moved_meanwhile_is_not_replaced(rolled):
    """The last write is conditional: between reading and writing somebody else published."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    desk = rolled.desk()
    publication = publish.prepare(desk)
    seals = publish.sealed(desk, publication)
    rolled.do("refresh")
    theirs = (rolled.store / "metadata" / "timestamp.json").read_bytes()
    with pytest.raises(ConflictError):
        publish.upload(desk, publication, seals)
    assert (rolled.store / "metadata" / "timestamp.json").read_bytes() == theirs
    rolled.do("publish")


def test_names_that_a_killed_publisher_left_are_skipped(rolled):
    """A wave's version that was created but never listed is not reused with other content."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0")
    version = rolled.desk().tree.view("agent.stable.canary").version
    (rolled.store / "metadata" / f"{version}.agent.stable.canary.json").write_text("{}")
    rolled.do("rollout", "start", "stable", "1.5.0", "--reason", "again")
    assert rolled.desk().tree.view("agent.stable.canary").version == version + 1
    rolled.sign_and_publish()


def test_a_dry_run_publishes_nothing(rolled):
    """It says what would happen."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    before = files(rolled.store)
    said = rolled.do("publish", "--dry-run")
    assert said["published"] == {"agent.releases": 3}
    assert files(rolled.store) == before


def test_a_damaged_artifact_is_not_published(rolled):
    """What changed since it was staged never gets its name."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    staged = next((rolled.folder / "staged" / "targets").rglob("*.tar.zst"))
    staged.write_bytes(staged.read_bytes()[:-1])
    result = rolled.run("publish")
    assert result.exit_code == 12
    assert not list((rolled.store / "targets" / "releases" / "agent").glob("1.5.0/*.tar.zst"))
    assert not list((rolled.store / "targets").rglob(".new-*"))


def test_a_store_that_lies_is_not_built_upon(rolled):
    """Metadata that is not what was signed stops the work before anybody signs on top of it."""
    path = rolled.store / "metadata" / "1.agent.stable.brake.json"
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    assert rolled.run("brake", "stable", "--reason", "x").exit_code == 12


def test_nothing_to_publish_is_no_error(rolled):
    """Running it once more does no harm."""
    before = files(rolled.store)
    assert rolled.do("publish")["published"] == {}
    assert files(rolled.store) == before


def test_refreshing_signs_a_new_timestamp_and_a_snapshot_when_due(rolled):
    """Daily, only the timestamp changes; the snapshot when half its life is over."""
    start, before = rolled.now, files(rolled.store)
    rolled.now = start + timedelta(days=1)
    version = rolled.do("refresh")["timestamp"]
    new = files(rolled.store).keys() - before.keys()
    assert new == {f"metadata/{version}.timestamp.json"}
    live = json.loads((rolled.store / "metadata" / "timestamp.json").read_text())["signed"]
    assert live["x-tidegate-issued"] == "2026-11-23T12:00:00Z"
    assert live["expires"] == "2026-11-26T12:00:00Z"
    rolled.now = start + timedelta(days=4)
    version = rolled.do("refresh")["timestamp"]
    assert any(name.endswith(".snapshot.json") for name in files(rolled.store).keys() - before.keys())


def test_timestamp_and_snapshot_name_lengths_and_digests(rolled):
    """No file is fetched that was not announced with its length and its SHA-256."""
    folder = rolled.store / "metadata"
    timestamp = json.loads((folder / "timestamp.json").read_text())["signed"]["meta"]
    version = timestamp["snapshot.json"]["version"]
    snapshot = json.loads((folder / f"{version}.snapshot.json").read_text())["signed"]["meta"]
    assert len(snapshot) == 9
    for listed in (*timestamp.values(), *snapshot.values()):
        assert set(listed) == {"version", "length", "hashes"}


def test_history_keeps_every_timestamp(rolled):
    """Each published timestamp stays under its version, so that any decision can be replayed."""
    kept = sorted((rolled.store / "metadata").glob("*.timestamp.json"))
    assert len(kept) == 3
    assert kept[-1].read_bytes() == (rolled.store / "metadata" / "timestamp.json").read_bytes()


def test_two_commands_do_not_change_one_workspace_at_once(rolled):
    """The second waits for its user to try again."""
    with rolled.desk().workspace.alone():
        result = rolled.run("rollout", "start", "stable", "1.4.2")
    assert result.exit_code == 15


@contextmanager
def umask(mode: int) -> Iterator[None]:
    """Let this process make files as somebody who keeps them private does."""
    before = os.umask(mode)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mode", [0o077, 0o027], ids=oct)
def test_a_private_umask_keeps_no_web_server_out(tmp_path, mode):
    """What is published, shown and carried can be served by somebody else; keys stay with their owner."""
    work, carried = Workspace(tmp_path), tmp_path / "srv" / "carried"
    with umask(mode):
        work.found()
        work.do("dashboard", "build", "--to", tmp_path / "shown")
        work.do("bundle", "export", tmp_path / "updates.tar")
        work.do("bundle", "import", tmp_path / "updates.tar", "--store", carried)
    for folder in (work.store, tmp_path / "shown", carried.parent):
        for path in (folder, *folder.rglob("[!.]*")):
            assert path.stat().st_mode & 0o005 == (0o005 if path.is_dir() else 0o004), path
    assert not work.keys.stat().st_mode & 0o077
    assert not work.folder.stat().st_mode & 0o007


def test_the_mode_of_a_folder_that_is_there_is_its_owners(work):
    """Whoever closed a folder of the store meant it, and a group that may write keeps what it may."""
    (work.store / "metadata").chmod(0o750)
    with umask(0o002):
        work.add("1.4.2")
        work.sign_and_publish()
    assert (work.store / "metadata").stat().st_mode & 0o777 == 0o750
    assert (work.store / "targets/releases/agent/1.4.2").stat().st_mode & 0o777 == 0o775
