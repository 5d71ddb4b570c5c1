"""The collector, against the bare arithmetic of its signatures; and its memory, however much there is.

Hosts that one token enrolled have filed flushes of four reports, as an update makes them. A box is made once
for each size and kept. The peer verifies as many signatures with all cores, with keys and bytes at hand.
"""

import os
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.bench.measure import Cost, Row, cost
from tests.support.crowd import Speaker
from tests.support.workspace import Workspace

SPEED, SMALL, LARGE = 50_000, 10_000, 1_000_000
"""Reports in the boxes."""
FLUSH = 4
"""Reports in one object."""
EACH = 40
"""Reports of one host."""
NEEDED = 5_000
"""Reports a second."""
MEMORY_LIMIT = 1.8
"""To what a hundredth of the reports takes, which is one load; three are under way when there are more."""


def rows(folder: Path, _python: str, runs: int) -> list[Row]:
    """Measure the collector's speed and its memory."""
    box = filled(folder, SPEED)
    taken, bare = [], []
    for _ in range(runs):
        taken.append(collected(box).wall_s)
        bare.append(_bare_s(SPEED))
    wall, peer = median(taken), median(bare)
    small, large = (collected(filled(folder, size)).peak_mb for size in (SMALL, LARGE))
    return [
        Row(
            f"{NEEDED:,} reports collected",
            wall * NEEDED / SPEED,
            "s",
            1,
            note=f"{SPEED / wall:,.0f} a second",
        ),
        Row(f"{SPEED:,} reports collected", wall, "s", None, peer, "their signatures alone, all cores"),
        Row(f"peak memory of {LARGE:,} reports", large, "MB", MEMORY_LIMIT, small, f"{SMALL:,} reports"),
    ]


def filled(folder: Path, size: int) -> Path:
    """Return a place with a repository and a box of so many reports."""
    place = folder / str(size)
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        work = Workspace(place).found("--store", "../store")
        token = work.do("fleet", "token", "--url", "https://updates.example.com", "--expires", "3650d")[
            "token"
        ]
        now = datetime.now(UTC).replace(microsecond=0)
        some = [range(first, min(first + 250, size // EACH)) for first in range(0, size // EACH, 250)]
        with ProcessPoolExecutor() as pool:
            list(pool.map(fill, *zip(*((place / "box", token, hosts, now) for hosts in some), strict=True)))
        (place / "ready").touch()
    return place


def fill(box: Path, token: str, hosts: range, now: datetime) -> None:
    """File what some hosts say: each enrols, and then reports."""
    for number in hosts:
        name = f"host-{number:06}"
        speaker = Speaker(name, token)
        reports = list(speaker.reports(EACH, now))
        for first in range(0, len(reports), FLUSH):
            at = now - timedelta(hours=(EACH - first) / FLUSH)
            path = box / f"reports/v1/dt={at:%Y-%m-%d}/hh={at:%H}/{name}/{first + 1}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(speaker.flush(reports[first : first + FLUSH]))


def collected(place: Path) -> Cost:
    """Collect a place's box into a new lake."""
    work = Workspace(place)
    shutil.rmtree(work.folder / "lake", ignore_errors=True)
    program: list[str | Path] = [
        sys.executable,
        "-m",
        "repo_tools",
        "-C",
        work.folder,
        "fleet",
        "collect",
        place / "box",
    ]
    return cost(sys.executable, program, cwd=place)


def _bare_s(number: int) -> float:
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(_verify, [1] * cores))  # they start outside of what is measured
        begun = time.monotonic()
        list(pool.map(_verify, [number // cores] * cores))
        return time.monotonic() - begun


def _verify(number: int) -> None:
    key = Ed25519PrivateKey.generate()
    public, data = key.public_key(), b"x" * 700
    signature = key.sign(data)
    for _ in range(number):
        public.verify(signature, data)
