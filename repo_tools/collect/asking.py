"""Questions to the lake: SQL that asks nothing but the Parquet files, so that any engine can answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from metadata.errors import MalformedError, UnsuitableError, UsageError
from repo_tools.collect.lake import REPORTS
from repo_tools.collect.presence import AGENTS
from repo_tools.collect.records import Row

_ROOM = files("repo_tools.collect") / "queries"
_NOTHING = "nothing was collected yet"


@dataclass(frozen=True)
class Table:
    """What a question was answered with."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def names() -> dict[str, str]:
    """Return the questions, each with its first line, which says what it asks."""
    found = {path.name: path.read_text("utf-8") for path in _ROOM.iterdir()}
    return {
        name.removesuffix(".sql"): _first_line(found[name]) for name in sorted(found) if name.endswith(".sql")
    }


def text(name: str) -> str:
    """Return a question's SQL, which asks the tables ``reports`` and ``agents``.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in names():
        raise UsageError(f"no query {name!r}", f"one of: {', '.join(names())}")
    return (_ROOM / f"{name}.sql").read_text("utf-8")


def ask(lake: Path, statement: str) -> Table:
    """Answer a question with DuckDB.

    Raises:
        UnsuitableError: There is no lake.
        UsageError: The question cannot be asked.
    """
    try:
        with opened(lake) as db:
            answer = db.execute(statement)
            columns = [column[0] for column in answer.description or ()]
            return Table(columns, answer.fetchall())
    except duckdb.Error as error:
        if ".parquet" in str(error):
            hint = "restore it from a copy, or move it out of the lake"
            raise MalformedError(f"the lake is damaged: {error}", hint) from error
        hint = f"reports has the columns {', '.join(Row.__struct_fields__)}, wave"
        raise UsageError(f"the query cannot be answered: {error}", hint) from error


def export(lake: Path, target: Path, statement: str) -> int:
    """Write an answer as CSV or Parquet, by the target's suffix; return the number of rows.

    Raises:
        UnsuitableError: There is no lake.
        UsageError: The suffix is neither.
    """
    if target.suffix not in {".csv", ".parquet"}:
        raise UsageError(f"{target} is neither .csv nor .parquet")
    with opened(lake) as db:
        found = db.sql(statement)
        found.write_csv(str(target)) if target.suffix == ".csv" else found.write_parquet(str(target))
        [(count,)] = db.execute(f"SELECT count(*) FROM ({statement})").fetchall()  # noqa: S608 (runs above)
        return int(count)


@contextmanager
def opened(lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database of its own with a table ``reports``: everything that was counted.

    Raises:
        UnsuitableError: There is no lake.
    """
    if not any((lake / REPORTS).glob("dt=*/*.parquet")):
        raise UnsuitableError(_NOTHING, "run: tidegate fleet collect LOCATION")
    with duckdb.connect() as db:
        db.read_parquet(
            f"{lake / REPORTS}/dt=*/*.parquet", hive_partitioning=True, union_by_name=True
        ).create_view("reports")
        if (lake / AGENTS).exists():
            db.read_parquet(str(lake / AGENTS)).create_view("agents")
        yield db


def _first_line(statement: str) -> str:
    return statement.splitlines()[0].removeprefix("-- ")
