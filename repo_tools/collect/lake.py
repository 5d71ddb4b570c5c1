"""The lake: counted reports as Parquet files by day, and a DuckDB file that knows what was seen.

Taking a load is one transaction of the DuckDB file; its Parquet files wait in ``pending/`` until that is
committed and are moved then, or at the next start. A collector that is killed has either taken a load or not.
"""

import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import msgspec

from metadata.errors import ConflictError, MalformedError
from repo_tools.collect.records import Aside, Joined, Person, Row

REPORTS, PENDING, STATE = "reports", "pending", "state.duckdb"
SCHEMA = """
CREATE TABLE IF NOT EXISTS object (name VARCHAR PRIMARY KEY, received VARCHAR);
CREATE TABLE IF NOT EXISTS seen (agent VARCHAR, seq BIGINT, digest VARCHAR);
CREATE TABLE IF NOT EXISTS file (path VARCHAR PRIMARY KEY);
CREATE TABLE IF NOT EXISTS token_use (token VARCHAR, agent VARCHAR, PRIMARY KEY (token, agent));
CREATE TABLE IF NOT EXISTS aside (
  name VARCHAR, agent VARCHAR, reason VARCHAR, detail VARCHAR, received VARCHAR);
CREATE TABLE IF NOT EXISTS roster (
  agent VARCHAR PRIMARY KEY, key VARCHAR, token VARCHAR, channels VARCHAR[], ring VARCHAR,
  labels VARCHAR, enrolled VARCHAR);
CREATE TABLE IF NOT EXISTS agent (
  agent VARCHAR, product VARCHAR, channel VARCHAR, wave VARCHAR, running VARCHAR, rollout VARCHAR,
  stage VARCHAR, outcome VARCHAR, reason VARCHAR, labels VARCHAR, decision VARCHAR, clock VARCHAR,
  seq BIGINT, first_received VARCHAR, received VARCHAR, left_at VARCHAR,
  PRIMARY KEY (agent, product));
"""
_COLUMNS = {name: "BIGINT" if name == "seq" else "VARCHAR" for name in (*Row.__struct_fields__, "wave")}
_FRESH = """
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT * FROM read_json($lines, format = 'newline_delimited', columns = $columns);
"""
_CONFLICTS = """
SELECT DISTINCT fresh.agent, fresh.seq FROM fresh LEFT JOIN seen USING (agent, seq)
WHERE seen.digest <> fresh.digest
   OR EXISTS (SELECT 1 FROM fresh AS other WHERE other.agent = fresh.agent AND other.seq = fresh.seq
              AND other.digest < fresh.digest)
"""
_NEW = """
CREATE OR REPLACE TEMP TABLE new AS
SELECT * FROM fresh ANTI JOIN seen USING (agent, seq)
QUALIFY row_number() OVER (PARTITION BY agent, seq ORDER BY received, digest) = 1
"""
_RINGS = """
SELECT agent, ring FROM roster WHERE ring IS NOT NULL AND agent IN (SELECT unnest($agents))
"""
_STAND = """
INSERT OR REPLACE INTO agent
SELECT fresh.agent, fresh.product, last.channel, last.wave, coalesce(ran, old.running), last.rollout,
       last.stage, last.outcome, last.reason, last.labels, coalesce(decided, old.decision), last.clock,
       last.seq, coalesce(old.first_received, fresh.since), last.received,
       CASE WHEN last.stage = 'leave' THEN last.received END
FROM (SELECT agent, product, max_by(new, seq) AS last, min(received) AS since,
             max_by(running, seq) FILTER (running IS NOT NULL) AS ran,
             max_by(decision, seq) FILTER (decision IS NOT NULL) AS decided
      FROM new GROUP BY agent, product) AS fresh
LEFT JOIN agent AS old USING (agent, product)
WHERE old.seq IS NULL OR last.seq > old.seq
"""


@dataclass(frozen=True)
class Taken:
    """What became of a load."""

    new: int
    again: int
    """Counted before, and the same."""
    conflicts: Sequence[tuple[str, int]]
    """Agents and numbers under which two different reports came: a copied host, or a restored one."""


class Lake:
    """An open lake; one collector at a time.

    Raises:
        ConflictError: Another collector is at work.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pending = folder / PENDING
        self._pending.mkdir(parents=True, exist_ok=True)
        try:
            self.db = duckdb.connect(str(folder / STATE))
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                hint = "wait for it to end; two at once would count twice"
                raise ConflictError(f"another collector is at work in {folder}", hint) from error
            raise MalformedError(f"{folder / STATE} cannot be read: {error}", "restore it") from error
        self.db.execute(SCHEMA)
        self._finish()

    def close(self) -> None:
        """Close it."""
        self.db.close()

    def _finish(self) -> None:
        """Move the files of loads that were taken, and remove those of loads that were not."""
        taken = {path for (path,) in self.db.execute("SELECT path FROM file").fetchall()}
        for path in sorted(self._pending.rglob("*.parquet")):
            name = str(path.relative_to(self._pending))
            if name in taken:
                target = self.folder / REPORTS / name
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
        shutil.rmtree(self._pending, ignore_errors=True)
        self._pending.mkdir(exist_ok=True)

    def unseen(self, names: Iterable[str]) -> set[str]:
        """Return the objects that were not taken before."""
        wanted = set(names)
        known = self.db.execute("SELECT name FROM object").fetchall()
        return wanted - {name for (name,) in known}

    def people(self, agents: Sequence[str]) -> dict[str, Person]:
        """Return what the roster knows of some agents."""
        statement = "SELECT agent, key, channels, token FROM roster WHERE agent IN (SELECT unnest($agents))"
        rows = self.db.execute(statement, {"agents": list(agents)}).fetchall()
        return {agent: Person(key, tuple(channels), token) for agent, key, channels, token in rows}

    @contextmanager
    def load(self) -> Iterator["Load"]:
        """Take a load as a whole or not at all."""
        self.db.execute("BEGIN")
        try:
            yield Load(self)
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")
        self._finish()

    @property
    def pending(self) -> Path:
        """Where files wait until their load is taken."""
        return self._pending


class Load:
    """One load on its way into the lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._db = lake.db

    def objects(self, objects: Sequence[tuple[str, str]]) -> None:
        """Note which objects it is made of."""
        self._insert("INTO object", objects)

    def admit(self, wanted: Sequence[Joined]) -> list[Joined]:
        """Take agents into the roster, in their order; return those whose token had no use left."""
        used = self._uses({one.token for one in wanted})
        admitted: list[Joined] = []
        refused: list[Joined] = []
        for one in wanted:
            holders = used.setdefault(one.token, set())
            full = bool(one.uses) and len(holders - {one.agent}) >= one.uses
            (refused if full else admitted).append(one)
            if not full:
                holders.add(one.agent)
        newest = {one.agent: one for one in admitted}.values()
        self._insert("OR IGNORE INTO token_use", [(one.token, one.agent) for one in newest])
        self._insert("OR REPLACE INTO roster", [_member(one) for one in newest])
        return refused

    def _uses(self, tokens: Collection[str]) -> dict[str, set[str]]:
        statement = (
            "SELECT token, list(agent) FROM token_use WHERE token IN (SELECT unnest($tokens)) GROUP BY token"
        )
        rows = self._db.execute(statement, {"tokens": list(tokens)}).fetchall()
        return {token: set(agents) for token, agents in rows}

    def rings(self, agents: Sequence[str]) -> dict[str, str]:
        """Return the rings of some agents; those without one are left out."""
        rows = self._db.execute(_RINGS, {"agents": list(agents)}).fetchall()
        return dict(rows)

    def asides(self, asides: Sequence[Aside]) -> None:
        """Keep what is not counted, with its reason."""
        self._insert("INTO aside", [msgspec.structs.astuple(one) for one in asides])

    def _insert(self, into: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows at once; one statement for each row would take a millisecond each."""
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            marks = ", ".join(["unnest(?)"] * len(columns))
            self._db.execute(f"INSERT {into} SELECT {marks}", columns)

    def rows(self, rows: Sequence[Row], waves: dict[tuple[str, str], str | None]) -> Taken:
        """Count rows that were not counted before.

        Args:
            rows: Verified reports.
            waves: The wave of each (agent, ``product/channel``), as worked out here.
        """
        if not rows:
            return Taken(0, 0, [])
        lines = self._lake.pending / f"{uuid4().hex}.ndjson"
        with lines.open("wb") as file:
            for row in rows:
                said = msgspec.structs.asdict(row)
                said["wave"] = waves.get((row.agent, f"{row.product}/{row.channel}"))
                file.write(msgspec.json.encode(said) + b"\n")
        self._db.execute(_FRESH, {"lines": str(lines), "columns": _COLUMNS})
        conflicts = self._db.execute(_CONFLICTS).fetchall()
        self.asides([Aside("", agent, "conflict", f"two reports {seq}", "") for agent, seq in conflicts])
        self._db.execute(_NEW)
        [(new,)] = self._db.execute("SELECT count(*) FROM new").fetchall()
        if new:
            self._write()
        return Taken(new, len(rows) - new - len(conflicts), conflicts)

    def _write(self) -> None:
        pending = self._lake.pending
        rows = self._db.sql("SELECT * FROM new ORDER BY agent, seq")
        rows.write_parquet(
            str(pending), compression="zstd", partition_by=["dt"], append=True, filename_pattern="{uuid}"
        )
        files = [str(path.relative_to(pending)) for path in pending.rglob("*.parquet")]
        self._insert("INTO file", [(file,) for file in files])
        self._db.execute("INSERT INTO seen SELECT agent, seq, digest FROM new")
        self._db.execute(_STAND)


def _member(joined: Joined) -> tuple[Any, ...]:
    labels = msgspec.json.encode(joined.labels).decode()
    return (
        *(joined.agent, joined.key, joined.token, list(joined.channels)),
        *(joined.ring, labels, joined.received),
    )
