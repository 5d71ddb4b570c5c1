"""The collector under one host that reports a million times, and others that report in a host's name.

A small fleet's box is collected as it is, and once more with the flood beside it, as whoever holds one
host's credential would make it: objects as full as they may be, and objects of one report each. What every
other host comes to must be the same to the byte.
"""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path

import duckdb
import msgspec

from metadata.report import Report
from repo_tools.collect.envelopes import MOST
from repo_tools.collect.hearing import MOST_A_DAY
from tests.bench.collecting import SMALL, collected, filled
from tests.bench.measure import Row
from tests.support.crowd import Speaker
from tests.support.workspace import Workspace

NOISY, VICTIM = "host-noisy", "host-000000"
SIGNED, SINGLE = 900_000, 100_000
"""Reports that the noisy host signed: in full objects, and in objects of their own."""
FORGED, BARE = 100_000, 100_000
"""Reports in the victim's name: signed by another key, in full objects; and with no signature at all."""
BEYOND = 1_000_000
"""Numbers that the victim itself does not reach."""
MEMORY_LIMIT = 2.5
"""To what one load of a small fleet takes: three are under way, and a flood's are as large as they may be."""
_OTHERS = "SELECT * FROM {} WHERE agent <> ? ORDER BY ALL"


def rows(folder: Path, _python: str, _runs: int) -> list[Row]:
    """Measure one run with the flood, beside one without."""
    quiet = filled(folder, SMALL)
    plain = collected(quiet)
    before = others(Workspace(quiet).folder / "lake")
    place = flooded(folder, quiet)
    taken = collected(place)
    lake = Workspace(place).folder / "lake"
    refused = set_aside(lake)
    if refused != {"flood": SIGNED + SINGLE - MOST_A_DAY, "forged": FORGED + BARE}:
        raise RuntimeError(f"set aside: {refused}")
    number = SIGNED + SINGLE + FORGED + BARE
    return [
        Row(
            f"{SIGNED + SINGLE:,} reports by one host, {FORGED + BARE:,} in another's name",
            taken.wall_s,
            "s",
            None,
            note=f"{taken.cpu_s:.0f} s of CPU, {number / taken.wall_s:,.0f} a second",
        ),
        Row("peak memory of it", taken.peak_mb, "MB", MEMORY_LIMIT, plain.peak_mb, f"{SMALL:,} reports"),
        Row("tables in which other hosts differ", len(before ^ others(lake)) / 2, "", 0),
    ]


def flooded(folder: Path, quiet: Path) -> Path:
    """Return a place with the same repository and the same box, and a flood in it."""
    place = folder / "flooded"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(quiet, place, copy_function=os.link, ignore=shutil.ignore_patterns("lake", "ready"))
        address = ("--url", "https://updates.example.com", "--expires", "3650d")
        token = Workspace(place).do("fleet", "token", *address)["token"]
        with ProcessPoolExecutor() as pool:
            for done in [pool.submit(make, place / "box", token) for make in (_flood, _forge)]:
                done.result()
        (place / "ready").touch()
    return place


def others(lake: Path) -> set[str]:
    """Return digests of what the lake's tables say of every host but the noisy one."""
    tables = (f"read_parquet('{lake}/reports/dt=*/*.parquet')", f"read_parquet('{lake}/agents.parquet')")
    with duckdb.connect() as db:
        found = [db.execute(_OTHERS.format(table), [NOISY]).fetchall() for table in tables]
    return {sha256(repr(one).encode()).hexdigest() for one in found}


def set_aside(lake: Path) -> dict[str, int]:
    """Return how many reports do not count, by reason."""
    statement = f"SELECT reason, sum(number)::BIGINT FROM '{lake}/asides.parquet' GROUP BY reason"
    with duckdb.connect() as db:
        return dict(db.execute(statement).fetchall())


def _flood(box: Path, token: str) -> None:
    """File what the noisy host signs."""
    speaker = Speaker(NOISY, token)
    reports = speaker.reports(SIGNED + SINGLE, _now())
    for seq, flush in _flushes(reports, SIGNED):
        _file(box, NOISY, seq, speaker.flush(flush))


def _forge(box: Path, token: str) -> None:
    """File what others say in the victim's name."""
    speaker = Speaker(VICTIM, token)
    reports = islice(speaker.reports(BEYOND + FORGED + BARE, _now()), BEYOND, None)
    for seq, flush in _flushes(reports, FORGED):
        data = speaker.flush(flush)
        _file(box, VICTIM, seq, data if len(flush) > 1 else _bare(data))


def _flushes(reports: Iterator[Report], full: int) -> Iterator[tuple[int, list[Report]]]:
    """Yield so many reports in full objects, and the rest one by one, each with its first number."""
    for _ in range(full // MOST):
        flush = list(islice(reports, MOST))
        yield flush[0].seq, flush
    for report in reports:
        yield report.seq, [report]


def _bare(data: bytes) -> bytes:
    """Return a flush without its signatures."""
    return msgspec.json.encode([{**one, "signatures": []} for one in msgspec.json.decode(data)])


def _file(box: Path, agent: str, seq: int, data: bytes) -> None:
    path = box / f"reports/v1/dt={_now():%Y-%m-%d}/hh=12/{agent}/{seq}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
