"""The days of a lake: each is a folder of Parquet files behind a link, so that it can be exchanged whole.

``reports/dt=<day>`` leads to a room, ``days/dt=<day>/<id>``. A file never changes. The small files of a day
are merged in a room of their own, to which the link is turned in one step: whoever lists a day sees either
them or what became of them. A room that no link leads to stays for an hour, for those who are reading in it.

A day that is a plain folder, as in a copy that followed the links, is read and filled, and never merged.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import duckdb

from metadata.errors import MalformedError
from repo_tools import files

REPORTS, DAYS = "reports", "days"
SMALL_BYTES = 64 << 20
"""A file of this size is left as it is: engines read it in parts, and merging it again would only cost."""
MANY = 24
"""So many small files are merged while their day lasts; afterwards two are."""
READ = timedelta(hours=1)
"""How long a room stays that no link leads to."""
GROUP_ROWS = 10_000
"""Rows that are held in memory while a file is written."""


def room(lake: Path, day: str) -> Path:
    """Return the way to a day's room, made if there is none.

    Args:
        lake: The lake's folder.
        day: As ``dt=2026-11-22``.
    """
    link = lake / REPORTS / day
    if not link.exists():
        _turn(link, _fresh(lake, day))
    return link


def listed(lake: Path) -> list[str]:
    """Return a lake's files as they are now; for an hour they stay, whatever becomes of their day.

    Raises:
        MalformedError: A day leads nowhere.
    """
    days = sorted((lake / REPORTS).glob("dt=*"))
    if lost := [day for day in days if not day.exists()]:
        text = f"{lost[0]} leads nowhere: the lake was copied, or kept, without its {DAYS}/"
        raise MalformedError(text, "copy the whole folder, or collect into a new one")
    rooms = [day.resolve() for day in days]
    return [str(path) for one in rooms for path in sorted(one.glob("*.parquet"))]


def is_empty(lake: Path) -> bool:
    """Return whether no report was ever counted in a lake."""
    return not listed(lake)


def crowded(lake: Path, now: datetime) -> Iterator[str]:
    """Yield the days whose small files are worth a merge."""
    for link in sorted((lake / REPORTS).glob("dt=*")):
        over = link.name < f"dt={now:%Y-%m-%d}"
        if link.is_symlink() and len(_small(link)) >= (2 if over else MANY):
            yield link.name


def merged(lake: Path, day: str, db: duckdb.DuckDBPyConnection) -> Path:
    """Return a room with a day's files, the small ones as one; nobody is led there yet."""
    there = _fresh(lake, day)
    try:
        _merge(lake / REPORTS / day, there, db)
    except BaseException:
        shutil.rmtree(there)  # what fills a disk must not stay there for an hour
        raise
    return there


def exchange(lake: Path, day: str, there: Path, now: datetime) -> None:
    """Lead whoever asks for a day to another room."""
    link = lake / REPORTS / day
    os.utime(link, (now.timestamp(),) * 2)  # that of the room: its last hour begins
    _turn(link, there)


def sweep(lake: Path, now: datetime) -> None:
    """Remove the rooms to which no link has led for an hour."""
    used = {link.resolve() for link in (lake / REPORTS).glob("dt=*")}
    for one in (lake / DAYS).glob("dt=*/*"):
        if one.resolve() not in used and one.stat().st_mtime < (now - READ).timestamp():
            shutil.rmtree(one)


def _merge(here: Path, there: Path, db: duckdb.DuckDBPyConnection) -> None:
    small = _small(here)
    rows = "read_parquet($small, hive_partitioning = false, union_by_name = true)"
    one = db.sql(f"SELECT * FROM {rows}", params={"small": list(map(str, small))})  # noqa: S608 (ours)
    db.execute("SET threads = 1")  # each would hold rows of its own, and sorting holds all
    one.write_parquet(str(there / _name()), compression="zstd", row_group_size=GROUP_ROWS)
    db.execute("RESET threads")
    for path in set(here.glob("*.parquet")) - set(small):
        os.link(path, there / path.name)
    for path in there.iterdir():
        files.flush(path)
    files.flush(there)


def _small(day: Path) -> list[Path]:
    return sorted(path for path in day.glob("*.parquet") if path.stat().st_size < SMALL_BYTES)


def _name() -> str:
    return f"{uuid4().hex}.parquet"


def _fresh(lake: Path, day: str) -> Path:
    """Return a new room, on disk."""
    fresh = lake / DAYS / day / uuid4().hex
    fresh.mkdir(parents=True)
    for folder in (fresh.parent, fresh.parent.parent, lake):
        files.flush(folder)
    return fresh


def _turn(link: Path, there: Path) -> None:
    """Let a link lead to another room, in one step."""
    link.parent.mkdir(exist_ok=True)
    fresh = link.with_name(f".{link.name}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(there, link.parent))
    fresh.replace(link)
    files.flush(link.parent)
