"""One load on its way into the lake."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import msgspec

from metadata.fields import time_text
from repo_tools import files
from repo_tools.collect import tables
from repo_tools.collect.box import Dropped
from repo_tools.collect.records import Aside, Joined, Ordered, Placed, Released, Standing


@dataclass(frozen=True)
class Taken:
    """What became of a load."""

    new: int
    again: int
    """Counted before, and the same."""
    conflicts: Sequence[tuple[str, int]]
    """Agents and numbers under which two different reports came: a copied host, or a restored one."""


class Load:
    """Part of one transaction; its files wait in a folder until that is committed."""

    def __init__(self, db: duckdb.DuckDBPyConnection, pending: Path, run: str) -> None:
        self._db = db
        self._pending = pending
        self._run = run

    def objects(self, objects: Sequence[Dropped], read: Collection[str]) -> None:
        """Note which objects it is made of, as they stand; what was said of them before no longer holds.

        Args:
            objects: All that were asked for.
            read: Names of those that were there; a file that is still empty may be written yet.
        """
        names, days = [one.name for one in objects], sorted({one.day for one in objects})
        self._db.execute("DELETE FROM aside WHERE name IN (SELECT unnest(?))", [names])
        statement = "DELETE FROM dropped WHERE day IN (SELECT unnest(?)) AND name IN (SELECT unnest(?))"
        self._db.execute(statement, [days, names])
        rows = [
            (one.day, one.name, one.mark, one.size_bytes, time_text(one.received))
            for one in objects
            if one.name in read
        ]
        self._insert("INTO dropped", rows)

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
        stood = [(one.agent, one.seq, one.received, one.ring, one.cohort_id) for one in admitted]
        self._insert("OR IGNORE INTO stood", stood)
        return refused

    def _uses(self, tokens: Collection[str]) -> dict[str, set[str]]:
        statement = (
            "SELECT token, list(agent) FROM token_use WHERE token IN (SELECT unnest($tokens)) GROUP BY token"
        )
        rows = self._db.execute(statement, {"tokens": list(tokens)}).fetchall()
        return {token: set(agents) for token, agents in rows}

    def standings(self, agents: Sequence[str]) -> dict[str, Standing]:
        """Return where some agents stand; those that stand by their id alone are left out."""
        rows = self._db.execute(tables.STANDINGS, {"agents": list(agents)}).fetchall()
        return {agent: Standing(ring, cohort_id) for agent, ring, cohort_id in rows}

    def forget(self, ended: Sequence[tuple[str, str, str]]) -> None:
        """Note agents that a person ended, when and why."""
        self._insert("OR REPLACE INTO forgotten", ended)

    def orders(self, orders: Collection[Ordered]) -> None:
        """Note what was ordered; what was said of the same waves and rollouts before no longer holds."""
        self._insert("OR REPLACE INTO ordered", [msgspec.structs.astuple(one) for one in orders])

    def released(self, versions: Collection[Released]) -> None:
        """Note what was released."""
        self._insert("OR IGNORE INTO released", [msgspec.structs.astuple(one) for one in versions])

    def asides(self, asides: Sequence[Aside]) -> None:
        """Keep what is not counted, with its reason."""
        self._insert("INTO aside", [(*msgspec.structs.astuple(one), self._run) for one in asides])

    def rows(self, lines: Sequence[bytes], waves: Sequence[Placed]) -> Taken:
        """Count rows that were not counted before.

        Args:
            lines: Verified reports, each a row as JSON.
            waves: The waves of their agents, as worked out here.
        """
        if not lines:
            return Taken(0, 0, [])
        self._bring(lines, waves)
        self._db.execute(tables.MACHINES, {"most": tables.MOST_MACHINES})
        conflicts = self._db.execute(tables.CONFLICTS).fetchall()
        self.asides(_contradictions(conflicts))
        self._db.execute(tables.NEW)
        [(new,)] = self._db.execute("SELECT count(*) FROM new").fetchall()
        if new:
            self._write()
        return Taken(new, len(lines) - new - len(conflicts), conflicts)

    def _bring(self, lines: Sequence[bytes], waves: Sequence[Placed]) -> None:
        """Bring rows into a table, through a file: one statement for each would take a millisecond each."""
        file = self._pending / f"{uuid4().hex}.ndjson"
        file.write_bytes(b"\n".join(lines))
        values = {
            "lines": str(file),
            "columns": tables.COLUMNS,
            "agents": [one.agent for one in waves],
            "channels": [one.channel for one in waves],
            "since": [one.since for one in waves],
            "waves": [one.wave for one in waves],
        }
        self._db.execute(tables.FRESH, values)
        file.unlink()

    def _write(self) -> None:
        rows = self._db.sql("SELECT * FROM new ORDER BY agent, seq")
        rows.write_parquet(
            str(self._pending),
            compression="zstd",
            partition_by=["dt"],
            append=True,
            filename_pattern="{uuid}",
        )
        found = list(self._pending.rglob("*.parquet"))
        for path in [*found, *{path.parent for path in found}]:
            files.flush(path)
        self._insert("OR IGNORE INTO file", [(str(path.relative_to(self._pending)),) for path in found])
        self._db.execute("INSERT INTO seen SELECT agent, seq, digest, dt FROM new")
        self._db.execute(tables.STAND)

    def _insert(self, into: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows at once; one statement for each row would take a millisecond each."""
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            marks = ", ".join(["unnest(?)"] * len(columns))
            self._db.execute(f"INSERT {into} SELECT {marks}", columns)


def _contradictions(conflicts: Sequence[tuple[str, int]]) -> list[Aside]:
    """Return one line for each agent, however often it contradicts itself."""
    found = {agent: list(pairs) for agent, pairs in groupby(conflicts, key=itemgetter(0))}
    return [
        Aside("", agent, "conflict", f"two reports {pairs[0][1]}", "", len(pairs))
        for agent, pairs in found.items()
    ]


def _member(joined: Joined) -> tuple[Any, ...]:
    labels = msgspec.json.encode(joined.labels).decode()
    return (
        *(joined.agent, joined.key, joined.token, list(joined.channels)),
        *(joined.ring, labels, joined.received, joined.cohort_id, joined.seq),
    )
