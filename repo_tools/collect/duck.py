"""Ask the lake with DuckDB, in this process: the engine that is always there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from metadata.errors import MalformedError, TidegateError, UnreachableError, UsageError
from repo_tools.collect.asking import TABLE, Table, more, unanswered, worked_out
from repo_tools.collect.days import listed


@dataclass(frozen=True)
class Duck:
    """DuckDB with the lake's tables."""

    db: duckdb.DuckDBPyConnection

    def ask(self, statement: str) -> Table:
        """Answer a question."""
        try:
            self._refuse_deeds(statement)
            answer = self.db.execute(statement)
            columns = [column[0] for column in answer.description or ()]
            return Table(columns, answer.fetchall())
        except duckdb.Error as error:
            raise _translated(error) from error

    def export(self, statement: str, target: Path) -> int:
        """Write an answer as CSV or Parquet, by the target's suffix; return the number of rows.

        Raises:
            UsageError: The suffix is neither.
            UnreachableError: The file cannot be written.
        """
        if target.suffix not in {".csv", ".parquet"}:
            raise UsageError(f"{target} is neither .csv nor .parquet", "name a file that ends so")
        fresh = target.with_name(f".new-{target.name}")
        try:
            self._refuse_deeds(statement)
            found = self.db.sql(statement)
            found.write_csv(str(fresh)) if target.suffix == ".csv" else found.write_parquet(str(fresh))
            [(count,)] = self.db.execute(f"SELECT count(*) FROM ({statement})").fetchall()  # noqa: S608 (ran above)
            fresh.replace(target)
        except duckdb.Error as error:
            if str(fresh) in str(error):
                hint = "check the folder and its permissions"
                raise UnreachableError(f"{target} cannot be written: {error}", hint) from error
            raise _translated(error) from error
        finally:
            fresh.unlink(missing_ok=True)
        return int(count)

    def _refuse_deeds(self, statement: str) -> None:
        """Refuse what is not one question: who asks expects that nothing is written."""
        kinds = [one.type for one in self.db.extract_statements(statement)]
        if kinds not in ([duckdb.StatementType.SELECT], [duckdb.StatementType.EXPLAIN]):
            raise UsageError("that is not one question", "ask with one SELECT; fleet export writes files")


@contextmanager
def opened(lake: Path) -> Iterator[Duck]:
    """Open a lake for questions.

    Raises:
        MalformedError: It is damaged.
    """
    with duckdb.connect() as db:
        try:
            found = db.from_query(
                "SELECT * FROM read_parquet($reports, hive_partitioning = true, hive_types_autocast = false,"
                " union_by_name = true)",
                params={"reports": listed(lake)},
            )
            found.create_view(TABLE)
            for name, path in more(lake).items():
                db.read_parquet(str(path)).create_view(name)
            for name, statement in worked_out(lake).items():
                db.execute(f"CREATE VIEW {name} AS {statement}")
        except duckdb.Error as error:
            raise _translated(error) from error
        yield Duck(db)


def _translated(error: duckdb.Error) -> TidegateError:
    if ".parquet" in str(error):
        hint = "restore it from a copy, or move it out of the lake"
        return MalformedError(f"the lake is damaged: {error}", hint)
    return unanswered(error)
