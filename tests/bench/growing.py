"""The memory of an update of 1 GB, against one of 1 MB: of the tick and of all that it starts, together."""

import contextlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from statistics import median

import zstandard

from tests.bench.lean import LeanHost
from tests.bench.measure import Row
from tests.bench.server import sending
from tests.support.workspace import Workspace

SMALL_BYTES, LARGE_BYTES = 1_000_000, 1_000_000_000
LIMIT_MB = 40
LOOK_S = 0.02
PART_BYTES = 50_000_000
PACKS_FAST, WINDOW_LOG = 1, 23
"""The level decides about the window, by which unpacking needs memory: 8 MB, twice that of releases."""


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
    archive = place / "build.tar.zst"
    _pack(archive, size_bytes)
    manager.publish_release("1.5.0", archive, "--start-s", "20", "--trial-s", "0", "--soak-s", "0")
    archive.unlink()
    with sending(manager.store) as url:
        found = median([_tick(place / f"host-{number}", python, manager, url) for number in range(runs)])
    shutil.rmtree(place)
    return found


def _pack(path: Path, size_bytes: int) -> None:
    """Write a release that nothing makes smaller, to be unpacked like those that are packed here."""
    asked = zstandard.ZstdCompressionParameters.from_level(PACKS_FAST, window_log=WINDOW_LOG)
    with (
        path.open("wb") as file,
        zstandard.ZstdCompressor(compression_params=asked).stream_writer(file) as out,
        tarfile.open(fileobj=out, mode="w|") as archive,
    ):
        for number, start in enumerate(range(0, size_bytes, PART_BYTES)):
            member = tarfile.TarInfo(f"part-{number}")
            member.size = min(PART_BYTES, size_bytes - start)
            archive.addfile(member, BytesIO(os.urandom(member.size)))


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
    while started.returncode is None:
        peak = max(peak, sum(map(_resident_bytes, _tree(started.pid))))
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(LOOK_S)
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
