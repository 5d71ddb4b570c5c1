"""The install of a large release, against the plain tools; and what it needs of memory.

The peer is ``curl | tee | sha256sum``, then ``zstd -d | tar x``, then one ``sync`` of the file system, since
the agent switches only to what a power cut cannot take away. The agent's whole tick is counted: its start,
three reads of the repository, the download, digests, unpacking, the switch.
"""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import payload
from tests.bench.lean import LeanHost
from tests.bench.measure import Cost, Row, cost, interleaved
from tests.bench.server import sending
from tests.support.workspace import Workspace

TIME_LIMIT = 1.3
MEMORY_LIMIT_MB = 30
PEER = """
set -eu
curl -sS --fail "$1" | tee "$2/packed" | sha256sum >"$2/digest"
mkdir "$2/tree"
zstd -dc "$2/packed" | tar -x -C "$2/tree"
rm "$2/packed"
[ -z "$3" ] || sync -f "$2/tree"
"""


def rows(folder: Path, python: str, runs: int) -> list[Row]:
    """Measure everything about an install."""
    shutil.rmtree(folder, ignore_errors=True)
    manager = Workspace(folder / "manager").found()
    manager.publish_release("1.5.0", payload.packed(), "--start-s", "20", "--trial-s", "0", "--soak-s", "0")
    with sending(manager.store) as url:
        bench = _Bench(folder, python, manager, url)
        plain, durable, install = interleaved(runs, bench.plain, bench.durable, bench.install)
        idle = bench.idle()
    note = f"{bench.artifact.stat().st_size / 1e6:.0f} MB packed"
    above_mb = install.peak_mb - idle.peak_mb
    return [
        Row("install: time, to curl, zstd, tar, sync", install.wall_s, "s", TIME_LIMIT, durable.wall_s, note),
        Row("install: time, to the same without sync", install.wall_s, "s", None, plain.wall_s),
        Row("install: CPU, to the same", install.cpu_s, "s", None, durable.cpu_s),
        Row("install: peak memory above an idle tick", above_mb, "MB", MEMORY_LIMIT_MB),
    ]


class _Bench:
    """One repository, and a fresh place for each run."""

    def __init__(self, folder: Path, python: str, manager: Workspace, url: str) -> None:
        self._folder, self._python, self._manager, self._url = folder, python, manager, url
        stored = manager.store.glob("targets/releases/**/*.tar.zst")
        self.artifact = max(stored, key=lambda one: one.stat().st_size)
        self._numbers = itertools.count()

    def plain(self) -> Cost:
        """Download, hash and unpack with the plain tools."""
        return self._peer("")

    def durable(self) -> Cost:
        """Do the same, and wait until it is on the disk."""
        return self._peer("sync")

    def install(self) -> Cost:
        """Run one tick of a host that has nothing yet."""
        with self._fresh() as place:
            host = self._host(place)
            found = cost(self._python, host.command("tick"), cwd=place)
            assert host.installed == "1.5.0"
        return found

    def idle(self) -> Cost:
        """Run one tick of a host that has everything."""
        with self._fresh() as place:
            host = self._host(place)
            assert host.run("tick").exit_code == 0
            return cost(self._python, host.command("tick"), cwd=place)

    def _peer(self, sync: str) -> Cost:
        with self._fresh() as place:
            url = f"{self._url}/{self.artifact.relative_to(self._manager.store)}"
            return cost(self._python, ["sh", "-c", PEER, "peer", url, place, sync])

    def _host(self, place: Path) -> LeanHost:
        host = LeanHost(place / "host", self._python)
        host.settings.write_text(
            f'state = "{host.state}"\nroot = "{host.root}"\n[[product]]\nname = "agent"\n'
        )
        assert host.enroll(self._url, self._manager.root_file, "host-1").exit_code == 0
        return host

    @contextmanager
    def _fresh(self) -> Iterator[Path]:
        """Give a run its own empty folder on an idle disk."""
        place = self._folder / f"run-{next(self._numbers)}"
        place.mkdir()
        os.sync()  # what the run before left must not be written on this one's time
        try:
            yield place
        finally:
            shutil.rmtree(place)
