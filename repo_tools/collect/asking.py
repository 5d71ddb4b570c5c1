"""Questions to the lake: SQL that asks nothing but the Parquet files, so that any engine can answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Protocol

from metadata.errors import UnsuitableError, UsageError
from repo_tools.collect.days import is_empty
from repo_tools.collect.lake import AGENTS, ASIDES, ORDERS, RELEASED
from repo_tools.collect.records import Ordered, Released, Row

EVERYTHING = "SELECT * FROM reports ORDER BY agent, seq"
EngineName = Literal["duckdb", "spark"]
TABLE = "reports"
MORE = {"agents": AGENTS, "asides": ASIDES, "orders": ORDERS, "released": RELEASED}
"""Other tables, which are one file each."""
COLUMNS = (*Row.__struct_fields__, "wave")
RESERVED = frozenset({"at"})
"""Columns that SQL knows as words of its own, and reads in quotes alone."""
_HERE = files("repo_tools.collect")
_ROOM = _HERE / "queries"
UNKNOWN = {
    name: "SELECT " + ", ".join(f"'' AS {field}" for field in kind.__struct_fields__) + " WHERE 1 = 0"
    for name, kind in {"orders": Ordered, "released": Released}.items()
}
"""The tables of a lake that knows of none."""


@dataclass(frozen=True)
class Table:
    """What a question was answered with."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Engine(Protocol):
    """What answers questions."""

    def ask(self, statement: str) -> Table:
        """Answer a question.

        Raises:
            UsageError: It cannot be asked.
            MalformedError: The lake is damaged.
        """


def names() -> dict[str, str]:
    """Return the questions, each with its first line, which says what it asks."""
    found = {path.name: path.read_text("utf-8") for path in _ROOM.iterdir()}
    return {
        name.removesuffix(".sql"): _first_line(found[name]) for name in sorted(found) if name.endswith(".sql")
    }


def text(name: str) -> str:
    """Return a question's SQL, which asks the table ``reports``, or one of ``MORE``.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in names():
        raise UsageError(f"no query {name!r}", f"one of: {', '.join(names())}")
    return (_ROOM / f"{name}.sql").read_text("utf-8")


def wanted(name: str | None, sql: str | None) -> str:
    """Return the question that was meant: one by name, one's own, or one in a file.

    Raises:
        UsageError: It is none, or two at once.
    """
    if sql is None:
        return text(name or "")
    if name is not None:
        raise UsageError("a name and --sql are two questions", "ask one at a time")
    if not sql.endswith(".sql"):
        return sql
    try:
        return Path(sql).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{sql} cannot be read: {error}", "name a file with a question") from error


def wish(text: str) -> tuple[str, str]:
    """Return the column and the text of ``COLUMN=TEXT``.

    Raises:
        UsageError: It is not that.
    """
    column, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"not a condition: {text!r}", "write --where COLUMN=TEXT")
    return column, value


def ask(lake: Path, statement: str, engine: EngineName = "duckdb") -> Table:
    """Answer a question.

    Raises:
        UnsuitableError: There is no lake, or no such engine here.
        UsageError: The question cannot be asked.
        MalformedError: The lake is damaged.
    """
    refuse_empty(lake)
    if engine == "spark":
        from repo_tools.collect.spark import started  # noqa: PLC0415 (an extra)

        with started(lake) as spark:
            return spark.ask(statement)
    from repo_tools.collect.duck import opened  # noqa: PLC0415 (one engine is enough)

    with opened(lake) as duck:
        return duck.ask(statement)


def more(lake: Path) -> dict[str, Path]:
    """Return the other tables that a lake has, each with its file."""
    return {name: lake / file for name, file in MORE.items() if (lake / file).exists()}


def worked_out(lake: Path) -> dict[str, str]:
    """Return the tables that are made of others, each with the question that makes it, in their order."""
    missing = {name: empty for name, empty in UNKNOWN.items() if not (lake / MORE[name]).exists()}
    found = {"outcomes": made("outcomes"), **missing, "known": made("known"), "counted": made("counted")}
    if (lake / AGENTS).exists():  # a first run that was killed leaves reports alone
        found |= {"members": made("members"), "judged": judged("members")}
    return found


def judged(members: str) -> str:
    """Return the question what the hosts of a table come to; ``judged.sql`` says what it must hold."""
    return f"WITH member AS (SELECT * FROM {members}) SELECT * FROM ({made('judged')})"  # noqa: S608 (ours)


def made(name: str) -> str:
    """Return the question that makes a table of others."""
    return (_HERE / f"{name}.sql").read_text("utf-8")


def refuse_empty(lake: Path) -> None:
    """Refuse a lake that nobody could ask.

    Raises:
        UnsuitableError: Nothing is in it.
    """
    if is_empty(lake):
        hint = "tidegate fleet collect LOCATION counts what hosts sent; fleet reports says where they send it"
        raise UnsuitableError("nothing was collected yet", hint)


def only(table: Table, wishes: Sequence[tuple[str, str]]) -> Table:
    """Return the rows whose columns have these texts.

    Raises:
        UsageError: There is no such column.
    """
    rows = table.rows
    for column, wanted in wishes:
        if column not in table.columns:
            raise UsageError(f"no column {column!r} in the answer", f"one of: {', '.join(table.columns)}")
        place = table.columns.index(column)
        rows = [row for row in rows if str("" if row[place] is None else row[place]) == wanted]
    return Table(table.columns, rows)


def unanswered(error: Exception) -> UsageError:
    """Return the error for a question that an engine does not understand."""
    said = " ".join(str(error).partition("\n\n")[0].split())
    columns = (f'"{name}"' if name in RESERVED else name for name in COLUMNS)
    hint = f"reports has the columns {', '.join(columns)}"
    return UsageError(f"the query cannot be answered: {said}", hint)


def _first_line(statement: str) -> str:
    return statement.splitlines()[0].removeprefix("-- ")
