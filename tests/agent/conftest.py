"""Fixtures for the agent's stories."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.agent.installed import Installed
from tests.agent.scene import WAVES, Scene, copied
from tests.support.host import Host
from tests.support.systemd import Systemd, SystemdHost, skip_without_systemd
from tests.support.web import serving
from tests.support.workspace import Workspace


@pytest.fixture(scope="session")
def founded(tmp_path_factory) -> Workspace:
    """A repository that was founded and published; copy it before you change it."""
    return Workspace(tmp_path_factory.mktemp("founded")).found(*WAVES)


@pytest.fixture(scope="session")
def installed(founded, tmp_path_factory) -> Installed:
    """A first install that was made before."""
    return Installed(founded, tmp_path_factory.mktemp("installed"))


@pytest.fixture
def scene(founded, installed, tmp_path) -> Iterator[Scene]:
    """A repository without releases and a host that has not been enrolled."""
    repo = copied(founded, tmp_path / "repo")
    host = Host(tmp_path / "host")
    with serving(repo.store) as web:
        yield Scene(repo, web, host, installed.give)
        host.close()


@pytest.fixture
def supervised(founded, tmp_path) -> Iterator[Scene]:
    """The same with a host whose product is a child of the supervisor; nothing is started yet."""
    repo = copied(founded, tmp_path / "repo")
    host = Host(tmp_path / "host", service="child")
    with serving(repo.store) as web:
        yield Scene(repo, web, host)
        host.close()


@pytest.fixture
def units(founded, tmp_path) -> Iterator[Scene]:
    """A host whose product is a unit of a running systemd; nothing is installed yet."""
    skip_without_systemd()
    systemd = Systemd(tmp_path / "systemd").boot()
    repo = copied(founded, tmp_path / "repo")
    with serving(repo.store) as web:
        yield Scene(repo, web, SystemdHost(tmp_path / "host", systemd))
    systemd.close()


@pytest.fixture
def shut_window() -> str:
    """A maintenance window that opens six hours from now."""
    opens = datetime.now(UTC) + timedelta(hours=6)
    return f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}"


@pytest.fixture
def another_host(scene, tmp_path) -> Iterator[Callable[[str], Host]]:
    """Makes more hosts of the same repository, enrolled under the names that they are given."""
    hosts: list[Host] = []

    def make(name: str) -> Host:
        host = Host(tmp_path / name)
        hosts.append(host)
        assert host.enroll(scene.web.url, scene.repo.root_file, name).exit_code == 0
        return host

    yield make
    for host in hosts:
        host.close()
