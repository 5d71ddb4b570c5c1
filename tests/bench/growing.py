"""The memory of an update of 1 GB, against one of 1 MB: of the tick and of all that it starts, together."""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.bench.lean import LeanHost
from tests.bench.measure import Row
from tests.bench.server import sending
from tests.support.workspace import Workspace

SMALL_BYTES, LARGE_BYTES = 1_000_000, 1_000_000_000
LIMIT_MB = 40
LOOK_S = 0.02
BLOCK_BYTES = 1 << 20


def rows(folder: Path, python: str, runs: int) -> list[Row]:
    """Measure both updates."""
    shutil.rmtree(folder, ignore_errors=True)
    peaks = {size: _updated(folder, python, size, runs) for size in (SMALL_BYTES, LARGE_BYTES)}
    small, large = peaks[SMALL_BYTES], peaks[LARGE_BYTES]
    note = f"{small:.1f} MB with 1 MB, {large:.1f} MB with 1 GB"
    return [Row("update of 1 GB: memory above one of 1 MB", large - small, "MB", LIMIT_MB, note=note)]


def _updated(folder: Path, python: str, size_bytes: int, runs: int) -> float:
    """Return the peak of a tick that goes from nothing to a release of this size."""
    place = folder / str(size_bytes)
    manager = Workspace(place / "manager").found()
    tree = place / "build"
    tree.mkdir(parents=True)
    _fill(tree / "weight", size_bytes)
    manager.publish_release("1.5.0", tree, "--start-s", "20", "--trial-s", "0", "--soak-s", "0")
    shutil.rmtree(tree)
    with sending(manager.store) as url:
        found = median([_tick(place / f"host-{number}", python, manager, url) for number in range(runs)])
    shutil.rmtree(place)
    return found


def _fill(path: Path, size_bytes: int) -> None:
    """Write what nothing makes smaller."""
    with path.open("wb") as file:
        for start in range(0, size_bytes, BLOCK_BYTES):
            file.write(os.urandom(min(BLOCK_BYTES, size_bytes - start)))


def _tick(folder: Path, python: str, manager: Workspace, url: str) -> float:
    host = LeanHost(folder, python)
    host.settings.write_text(f'state = "{host.state}"\nroot = "{host.root}"\n[[product]]\nname = "agent"\n')
    assert host.enroll(url, manager.root_file, "host-1").exit_code == 0
    peak_mb = watched(host.command("tick"))
    assert host.installed == "1.5.0"
    shutil.rmtree(folder)
    return peak_mb


def watched(command: Sequence[str]) -> float:
    """Run a command and return the most memory that it and its children had at a time, in MB."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0
    while started.poll() is None:
        peak = max(peak, sum(map(_resident_bytes, _tree(started.pid))))
        time.sleep(LOOK_S)
    assert started.returncode == 0
    return peak / 1e6


def _tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(found for child in children for found in _tree(int(child)))]


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
