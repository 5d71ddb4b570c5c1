"""The lake: counted reports as Parquet files by day, and a DuckDB file that knows what was seen.

Taking a load is one transaction of the DuckDB file; its Parquet files wait in ``pending/`` until that is
committed and are moved then, or at the next start. A collector that is killed has either taken a load or not.
What loads leave behind is merged when a run is over (``days``).
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import duckdb

from metadata.errors import ConflictError, MalformedError, UnreachableError
from metadata.fields import time_text
from repo_tools import files
from repo_tools.collect import days, tables
from repo_tools.collect.box import LOOK_BACK, Dropped, placed
from repo_tools.collect.load import Load
from repo_tools.collect.records import Person

PENDING, STATE, LOCK = "pending", "state.duckdb", ".lock"
AGENTS, ASIDES, ORDERS = "agents.parquet", "asides.parquet", "orders.parquet"
RELEASED = "released.parquet"
"""All agents, what was set aside, what was ordered and released, as it stood after the last run."""
_ASIDE = "SELECT name, agent, reason, detail, received, number FROM aside ORDER BY ALL"
MEMORY = "128MB"
"""What DuckDB may take; beyond it uses the disk."""


class Lake:
    """An open lake; one collector at a time.

    Args:
        folder: Where it is.
        keep: Whether what is taken stays; otherwise closing it forgets everything.

    Raises:
        ConflictError: Another collector is at work.
        MalformedError: It is damaged.
    """

    def __init__(self, folder: Path, *, keep: bool = True) -> None:
        self.folder = folder
        self.pending = folder / PENDING
        self.keeps = keep
        self._run = uuid4().hex
        with ExitStack() as stack:
            stack.enter_context(_locked(folder))
            self.db = stack.enter_context(_connected(folder))
            tables.prepare(self.db)
            self._finish()
            self._adopt()
            self._stack = stack.pop_all()
        if not keep:
            self.db.execute("BEGIN")

    def close(self) -> None:
        """Close it."""
        if not self.keeps:
            self.db.execute("ROLLBACK")
            self._finish()
        self._stack.close()

    def _finish(self) -> None:
        """Move the files of loads that were taken, and remove those of loads that were not."""
        for path in sorted(self.pending.rglob("*.parquet")):
            name = str(path.relative_to(self.pending))
            if self.db.execute("SELECT 1 FROM file WHERE path = ?", [name]).fetchone():
                path.replace(days.room(self.folder, path.parent.name) / path.name)
        shutil.rmtree(self.pending, ignore_errors=True)
        self.pending.mkdir(exist_ok=True)

    def _adopt(self) -> None:
        """Count no report again from a file that the state does not know: it is older, or was lost."""
        known = {path for (path,) in self.db.execute("SELECT path FROM file").fetchall()}
        reports = self.folder / days.REPORTS
        for path in sorted(reports.glob("dt=*/*.parquet")):
            name = str(path.relative_to(reports))
            if name not in known:
                with _translated(path), _whole(self.db):
                    self.db.execute(tables.ADOPT, [path.parent.name.removeprefix("dt="), str(path)])
                    self.db.execute("INSERT INTO file VALUES (?)", [name])

    def tidy(self, now: datetime) -> None:
        """Merge the small files of days that have many, and remove what was merged an hour ago."""
        for day in list(days.crowded(self.folder, now)):
            self._merge(day, now)
        days.sweep(self.folder, now)

    def _merge(self, day: str, now: datetime) -> None:
        here = self.folder / days.REPORTS / day
        with _translated(here):
            there = days.merged(self.folder, day, self.db)
        before, after = _names(day, here), _names(day, there)
        self.db.execute("INSERT OR IGNORE INTO file SELECT unnest(?)", [after])  # or they would be adopted
        days.exchange(self.folder, day, there, now)
        gone = sorted({*before} - {*after})
        self.db.execute("DELETE FROM file WHERE path IN (SELECT unnest(?))", [gone])

    def unseen(self, day: str, objects: Sequence[Dropped]) -> list[Dropped]:
        """Return the objects of a day that were not taken before, or not as they are now."""
        names, marks = [one.name for one in objects], [one.mark for one in objects]
        found = self.db.execute(tables.UNSEEN, {"names": names, "marks": marks, "day": day}).fetchall()
        return [objects[place] for (place,) in found]

    def waiting(self, gate: str, now: datetime, most: int) -> list[Dropped]:
        """Return objects that were set aside for what is known now: a key, or who signs tokens.

        Args:
            gate: The digest of who may join.
            now: The present.
            most: How many at once.
        """
        values = {"since": time_text(now - LOOK_BACK), "gate": gate, "most": most}
        rows = self.db.execute(tables.WAITING, values).fetchall()
        return [
            placed(name, day, size_bytes, datetime.fromisoformat(received), mark)
            for name, day, size_bytes, received, mark in rows
        ]

    def looked(self) -> dict[str, datetime]:
        """Return when each day was looked at last."""
        found = self.db.execute("SELECT day, seen_at FROM looked").fetchall()
        return {day: datetime.fromisoformat(at) for day, at in found}

    def look(self, days: Sequence[str], now: datetime) -> None:
        """Note that all that lies in some days was taken."""
        for day in days:
            self.db.execute("DELETE FROM looked WHERE day = ?", [day])
            self.db.execute("INSERT INTO looked VALUES (?, ?)", [day, time_text(now)])

    def write(self, name: str, statement: str, values: Mapping[str, Any] | None = None) -> None:
        """Write a table anew, by the question that makes it; whoever reads it meanwhile has the old one."""
        fresh = self.folder / f"{name}.new"
        self.db.sql(statement, params=values).write_parquet(str(fresh), compression="zstd")
        fresh.replace(self.folder / name)

    def write_asides(self) -> None:
        """Write what is set aside."""
        self.write(ASIDES, _ASIDE)

    def asides(self) -> dict[str, int]:
        """Return how many reports were set aside since it was opened, by reason."""
        statement = (
            "SELECT reason, sum(number)::BIGINT FROM aside WHERE run = ? GROUP BY reason ORDER BY reason"
        )
        return dict(self.db.execute(statement, [self._run]).fetchall())

    def people(self, agents: Sequence[str]) -> dict[str, Person]:
        """Return what the roster knows of some agents."""
        columns = "agent, key, channels, token, seq"
        statement = f"SELECT {columns} FROM roster WHERE agent IN (SELECT unnest($agents))"  # noqa: S608 (ours)
        rows = self.db.execute(statement, {"agents": list(agents)}).fetchall()
        return {agent: Person(key, tuple(channels), *rest) for agent, key, channels, *rest in rows}

    def counted(self, agents: Sequence[str], days: Iterable[str]) -> dict[str, dict[str, int]]:
        """Return how many reports of some agents count already, by the day on which they came."""
        statement = (
            "SELECT agent, dt, count(*) FROM seen WHERE agent IN (SELECT unnest($agents))"
            " AND dt IN (SELECT unnest($days)) GROUP BY agent, dt"
        )
        found: dict[str, dict[str, int]] = {}
        rows = self.db.execute(statement, {"agents": list(agents), "days": sorted(days)}).fetchall()
        for agent, day, number in rows:
            found.setdefault(agent, {})[day] = number
        return found

    @contextmanager
    def load(self) -> Iterator[Load]:
        """Take a load as a whole or not at all."""
        if not self.keeps:
            yield Load(self.db, self.pending, self._run)
            return
        with _whole(self.db):
            yield Load(self.db, self.pending, self._run)
        self._finish()


def _names(day: str, room: Path) -> list[str]:
    """Return what the state calls the files of a day."""
    return [f"{day}/{path.name}" for path in room.glob("*.parquet")]


@contextmanager
def opened(folder: Path, *, keep: bool = True) -> Iterator[Lake]:
    """Open a lake until the block ends.

    Args:
        folder: Where it is.
        keep: Whether what is taken stays; one that does not exist is then not made either.

    Raises:
        UnreachableError: Its disk is full; what was taken until then is safe.
    """
    if keep or (folder / STATE).exists():
        with _with_room(folder), closing(Lake(folder, keep=keep)) as lake:
            yield lake
        return
    with (
        tempfile.TemporaryDirectory() as scratch,
        _with_room(Path(scratch)),
        closing(Lake(Path(scratch), keep=False)) as lake,
    ):
        yield lake


def _locked(folder: Path) -> IO[bytes]:
    try:
        (folder / PENDING).mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("wb")
    except OSError as error:
        text = f"the lake {folder} cannot be made: {error.strerror}"
        raise UnreachableError(text, "choose another folder: --lake DIR") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ConflictError(f"another collector is at work in {folder}", "wait for it to end") from error
    return lock


def _connected(folder: Path) -> duckdb.DuckDBPyConnection:
    state = folder / STATE
    try:
        return duckdb.connect(str(state), config={"memory_limit": MEMORY})
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            raise ConflictError(f"{state} is open in another program", "close it there") from error
        hint = "restore it, or move it away: what the box still has is read again, and counts once"
        raise MalformedError(f"{state} cannot be read: {error}", hint) from error


@contextmanager
def _whole(db: duckdb.DuckDBPyConnection) -> Iterator[None]:
    db.execute("BEGIN")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):  # which a disk that is full has done already
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Raise our error for a Parquet file that DuckDB cannot read."""
    try:
        yield
    except duckdb.Error as error:
        if _is_full(error):
            raise
        hint = "restore it from a copy, or move it out of the lake"
        raise MalformedError(f"{path} is damaged: {error}", hint) from error


@contextmanager
def _with_room(folder: Path) -> Iterator[None]:
    """Tell a full disk in words, whether Python or DuckDB met it."""
    with files.usable(folder):
        try:
            yield
        except duckdb.Error as error:
            if not _is_full(error):
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error


def _is_full(error: duckdb.Error) -> bool:
    return os.strerror(errno.ENOSPC) in str(error) or "max_temp_directory_size" in str(error)
