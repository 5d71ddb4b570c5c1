"""A tick with nothing to do, against a bare refresh by python-tuf's own client; and the resident process."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.bench.lean import LeanHost
from tests.bench.measure import Cost, Row, cost, interleaved
from tests.support import product
from tests.support.host import eventually
from tests.support.web import Web, serving
from tests.support.workspace import Workspace

BARE = """
import sys
from tuf.ngclient import Updater
cache, url, root = sys.argv[1:]
Updater(cache, url + "/metadata/", bootstrap=open(root, "rb").read()).refresh()
"""
CPU_LIMIT = 1.4
CPU_LIMIT_MS = 250
REQUESTS_LIMIT = 2
BODY_LIMIT_BYTES = 1_023
RESIDENT_LIMIT_MB = 15
TICKS_BEFORE = 3
"""Polls that the supervisor has made when its memory is read."""


def resident_mb(pid: int) -> float:
    """Return a process's resident memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def supervised(host: LeanHost, web: Web) -> float:
    """Return the supervisor's resident memory with a child service, after some ticks."""
    web.forget()
    host.supervise()
    eventually(lambda: host.runs == "1.5.0" and web.asked("/timestamp.json") > TICKS_BEFORE)
    found = resident_mb(host.supervisor_pid)
    assert host.end_supervisor() == 0
    return found


def ground(folder: Path) -> Workspace:
    """Return a repository with one release, whose agents ask every second."""
    manager = Workspace(folder).found("--poll-s", "1")
    build = product.build(folder / "builds", "1.5.0")
    manager.publish_release("1.5.0", build, "--start-s", "20", "--trial-s", "1", "--soak-s", "0")
    return manager


def enrolled(folder: Path, manager: Workspace, web: Web, python: str) -> LeanHost:
    """Return a host that has the release and runs it as a child service."""
    host = LeanHost(folder, python)
    assert host.enroll(web.url, manager.root_file, "host-1").exit_code == 0
    host.supervise()
    eventually(lambda: host.runs == "1.5.0" and host.stands == "IDLE")
    assert host.end_supervisor() == 0
    return host


@contextlib.contextmanager
def settled(folder: Path, python: str) -> Iterator[tuple[Workspace, Web, LeanHost]]:
    """Give a repository, its server and a host that runs the release, in a folder that they begin anew."""
    shutil.rmtree(folder, ignore_errors=True)
    manager = ground(folder / "manager")
    with (
        serving(manager.store) as web,
        contextlib.closing(enrolled(folder / "host", manager, web, python)) as host,
    ):
        yield manager, web, host


def rows(folder: Path, python: str, runs: int) -> list[Row]:
    """Measure everything about polling."""
    with settled(folder, python) as (manager, web, host):
        memory = supervised(host, web)
        web.forget()
        assert host.run("tick").exit_code == 0
        requests, body_bytes = len(web.requests), web.body_bytes
        bare, idle = _compared(folder, host, web, manager, runs)
    return [
        Row("idle tick: HTTP requests", requests, "", REQUESTS_LIMIT),
        Row("idle tick: bodies", body_bytes, "B", BODY_LIMIT_BYTES),
        Row("idle tick: CPU", idle.cpu_s * 1000, "ms", CPU_LIMIT_MS),
        Row("idle tick: CPU, to Updater.refresh()", idle.cpu_s * 1000, "ms", CPU_LIMIT, bare.cpu_s * 1000),
        Row("supervisor: resident", memory, "MB", RESIDENT_LIMIT_MB),
    ]


def _compared(folder: Path, host: LeanHost, web: Web, manager: Workspace, runs: int) -> list[Cost]:
    cache = folder / "bare"
    cache.mkdir()
    script = folder / "bare.py"
    script.write_text(BARE)
    peer = [host.python, *map(str, (script, cache, web.url, manager.root_file))]
    return interleaved(
        runs,
        lambda: cost(host.python, peer, cwd=folder),
        lambda: cost(host.python, host.command("tick"), cwd=folder),
    )
