"""The main job with real software: NATS servers are published, installed, updated under load, left again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import nats
from tests.support.nats import Load, NatsHost
from tests.support.web import Web, serving
from tests.support.workspace import Workspace

OLD, NEW = "2.11.8", "2.12.1"
PACE = ("--start-s", "20", "--trial-s", "2", "--soak-s", "0")

pytestmark = pytest.mark.slow


def release(manager: Workspace, version: str, source: Path, *, probe: bool = True) -> None:
    """Publish a NATS server to every wave."""
    asked = ("--probe", "nats-server --version", "--expect", f"v{version}") if probe else ()
    manager.publish_release(version, source, *PACE, *asked)


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A repository with the old server, whose agents ask every second."""
    for version in (OLD, NEW):
        nats.server(version)
    manager = Workspace(tmp_path_factory.mktemp("nats")).found("--product", "nats", "--poll-s", "1")
    release(manager, OLD, nats.build(manager.base / "builds", OLD))
    return manager


@pytest.fixture(scope="module")
def web(manager: Workspace) -> Iterator[Web]:
    """The repository on a web server."""
    with serving(manager.store) as web:
        yield web


@pytest.fixture(scope="module")
def host(manager: Workspace, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsHost]:
    """A host that was enrolled and left to itself: everything after that happens because it was signed."""
    host = NatsHost(tmp_path_factory.mktemp("host") / "one")
    assert host.enroll(web.url, manager.root_file).exit_code == 0
    host.supervise()
    host.eventually(lambda: host.runs == OLD)
    yield host
    host.close()


@pytest.fixture(scope="module")
def clients(host: NatsHost) -> Iterator[Load]:
    """Clients that use the server all the time."""
    with nats.load(host.port.number) as clients:
        host.eventually(lambda: clients.received[OLD] > 100)
        yield clients


def settled(host: NatsHost, version: str, outcome: tuple[str, str, str]) -> bool:
    """Return whether an outcome stands in the history and ``version`` runs, with nothing under way."""
    return outcome in host.history() and host.stands == "IDLE" and host.runs == version


@pytest.fixture(scope="module", autouse=True)
def _updated(manager: Workspace, host: NatsHost, clients: Load) -> None:
    """The host takes the new server while it is used."""
    release(manager, NEW, nats.build(manager.base / "builds", NEW))
    host.eventually(lambda: host.runs == NEW)
    host.eventually(lambda: host.stands == "IDLE")


def test_a_server_is_updated_under_its_clients(host: NatsHost, clients: Load):
    """The host took the new server once it was published, and clients that were cut off come back to it."""
    host.eventually(lambda: clients.received[NEW] > 100)
    assert host.healthy
    assert host.runs == NEW
    assert clients.connected[NEW] >= nats.CLIENTS
    assert host.history().count(("update_healthcheck", "ok", "")) == 2


def test_a_damaged_server_is_refused_before_anything_stops(manager: Workspace, host: NatsHost, clients: Load):
    """A build that was damaged before it was signed fails its probe; no client notices."""
    connections = clients.connected.total()
    release(manager, "2.12.2", nats.corrupted(manager.base / "damaged", NEW))
    host.eventually(lambda: settled(host, NEW, ("update_verify", "failed", "probe")))
    before = clients.received[NEW]
    host.eventually(lambda: clients.received[NEW] > before + 100)
    assert clients.connected.total() == connections
    assert host.rule() == "quarantined"


def test_a_damaged_server_without_a_probe_goes_back(manager: Workspace, host: NatsHost, clients: Load):
    """Without a probe the damage shows on the start; the host goes back by itself, and so do the clients."""
    before = clients.received[NEW]
    release(manager, "2.12.3", nats.corrupted(manager.base / "damaged", OLD), probe=False)
    host.eventually(lambda: settled(host, NEW, ("update_rollback", "ok", "version")))
    host.eventually(lambda: clients.received[NEW] > before + 100)
    assert host.healthy
    assert host.installed == NEW
    assert host.rule() == "quarantined"
