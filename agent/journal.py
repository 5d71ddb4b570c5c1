"""The journal: what this host did, is doing and must never forget, in SQLite with ``synchronous=FULL``.

Written before each step. It also holds the memory that must outlive the TUF cache: the highest
sequence number, the floor, the versions of roles seen, documents seen, quarantine. Wiping or restoring the
cache therefore never allows a way back.
"""

import contextlib
import errno
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from agent import files
from agent.states import State, Update
from metadata.errors import ConflictError, MalformedError, TidegateError, UnsuitableError
from metadata.fields import time_text

SCHEMA = """
CREATE TABLE IF NOT EXISTS product (name TEXT PRIMARY KEY, state TEXT NOT NULL, work TEXT) STRICT;
CREATE TABLE IF NOT EXISTS event (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, product TEXT NOT NULL, wave TEXT, rollout TEXT,
  "from" TEXT, "to" TEXT,
  stage TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS quarantine (
  product TEXT NOT NULL, payload_sha256 TEXT NOT NULL, version TEXT NOT NULL, blame TEXT NOT NULL,
  retry INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (product, payload_sha256)
) STRICT;
CREATE TABLE IF NOT EXISTS document (
  product TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (product, version)
) STRICT;
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
MAX_EVENTS = 2_000
"""What is kept of a host's history: some hundred updates, below a megabyte."""
MENDING = "move the file aside: the next tick starts a new one, and what runs on this host is left alone"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a host's history; the fields are those of a report."""

    product: str
    stage: str
    outcome: str
    reason: str = ""
    detail: str = ""
    wave: str | None = None
    rollout: str | None = None
    from_version: str | None = msgspec.field(default=None, name="from")
    to_version: str | None = msgspec.field(default=None, name="to")
    at: str = ""


class Journal:
    """One open journal.

    Raises:
        MalformedError: The file is damaged.
        UnsuitableError: It cannot be written.
        ConflictError: Another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._translated():
            self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def copy(self, path: Path) -> None:
        """Write what the journal holds now to another file."""
        with self._translated(), contextlib.closing(sqlite3.connect(path)) as other:
            self._db.backup(other)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _our_error(self.path, error) from error
        except UnicodeDecodeError as error:  # sqlite names what is damaged, in bytes that are no text
            raise MalformedError(f"the journal {self.path} is damaged", MENDING) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside it happen together, or none."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # SQLite may have ended it itself; the trouble to be told is what led here, not that
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _run(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._translated():
            return self._db.execute(statement, values).fetchall()

    def state(self, product: str) -> tuple[State, Update | None]:
        """Return where a product stands, and the update on its way."""
        rows = self._run("SELECT state, work FROM product WHERE name = ?", product)
        if not rows:
            return State.IDLE, None
        work = rows[0]["work"]
        try:
            return State(rows[0]["state"]), self._decoded(work, Update) if work else None
        except ValueError as error:
            raise MalformedError(f"journal {self.path} makes no sense: {error}", MENDING) from error

    def standing(self, product: str) -> State:
        """Return where a product stands, for decisions about another, whose trouble is its own."""
        rows = self._run("SELECT state FROM product WHERE name = ?", product)
        known = rows[0]["state"] if rows else State.IDLE
        return State(known) if known in State.__members__ else State.IDLE

    def enter(self, product: str, state: State, update: Update | None, events: list[Event]) -> None:
        """Note a product's next state and what led there, in one transaction; nothing new writes nothing."""
        if not events and self.state(product) == (state, update):
            return
        work = msgspec.json.encode(update).decode() if update else None
        with self.transaction():
            self._run("INSERT OR REPLACE INTO product VALUES (?, ?, ?)", product, state, work)
            for event in events:
                self.add(event)

    def add(self, event: Event) -> None:
        """Note one event."""
        row = msgspec.to_builtins(event)
        row["at"] = event.at or timestamp()
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        self._run(f"INSERT INTO event ({names}) VALUES ({marks})", *row.values())  # noqa: S608 (our own names)
        old = "id <= (SELECT max(id) FROM event) - ? AND stage != 'enroll'"  # which says who speaks
        self._run(f"DELETE FROM event WHERE {old}", MAX_EVENTS)  # noqa: S608 (no values in it)

    def events(self, product: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Return the newest events, newest first."""
        where = "" if product is None else "WHERE product = ?"
        values = [] if product is None else [product]
        rows = self._run(f"SELECT * FROM event {where} ORDER BY id DESC LIMIT ?", *values, limit)  # noqa: S608
        return [dict(row) for row in rows]

    def events_after(self, number: int) -> list[dict[str, Any]]:
        """Return the events whose number is higher, oldest first."""
        return [dict(row) for row in self._run("SELECT * FROM event WHERE id > ? ORDER BY id", number)]

    def oldest_event(self) -> int:
        """Return the number below which events were dropped, but for what says who speaks."""
        return int(self._run("SELECT coalesce(min(id), 1) FROM event WHERE stage != 'enroll'")[0][0])

    def last_event(self) -> int:
        """Return the number of the newest event."""
        return int(self._run("SELECT coalesce(max(id), 0) FROM event")[0][0])

    def give_up(self, product: str, update: Update) -> None:
        """Quarantine an update's payload on this host."""
        digest = update.artifact.payload_sha256
        row = (product, digest, update.version, update.blame or "version", update.retry, timestamp())
        self._run("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?)", *row)

    def quarantine(self, product: str) -> dict[str, int]:
        """Return the payload digests given up, each with the order's ``retry`` noted then."""
        rows = self._run("SELECT payload_sha256, retry FROM quarantine WHERE product = ?", product)
        return {row["payload_sha256"]: row["retry"] for row in rows}

    def given_up(self, product: str) -> list[dict[str, Any]]:
        """Return what was given up, newest first."""
        columns = "product, version, payload_sha256, blame, at"
        rows = self._run(f"SELECT {columns} FROM quarantine WHERE product = ? ORDER BY at DESC", product)  # noqa: S608
        return [dict(row) for row in rows]

    def take_back(self, product: str, payload_sha256: str) -> None:
        """Lift the quarantine of one payload."""
        statement = "DELETE FROM quarantine WHERE product = ? AND payload_sha256 = ?"
        self._run(statement, product, payload_sha256)

    def keep_document(self, product: str, version: str, sha256: str, body: bytes) -> None:
        """Keep a release document, so that another under the same version is noticed."""
        statement = "INSERT OR IGNORE INTO document VALUES (?, ?, ?, ?)"
        self._run(statement, product, version, sha256, body)

    def documents(self, product: str) -> dict[str, str]:
        """Return the digests of the release documents seen, by version."""
        rows = self._run("SELECT version, sha256 FROM document WHERE product = ?", product)
        return {row["version"]: row["sha256"] for row in rows}

    def document(self, product: str, version: str) -> bytes | None:
        """Return a release document seen before."""
        rows = self._run("SELECT body FROM document WHERE product = ? AND version = ?", product, version)
        return bytes(rows[0]["body"]) if rows else None

    def recall(self, key: str, default: Any = None, kind: Any = Any) -> Any:
        """Return a remembered value, of a kind where that is said."""
        rows = self._run("SELECT value FROM memory WHERE key = ?", key)
        return self._decoded(rows[0]["value"], kind) if rows else default

    def _decoded(self, text: str, kind: Any) -> Any:
        try:
            return msgspec.json.decode(text, type=kind)
        except (ValueError, RecursionError) as error:  # the former includes msgspec's own
            raise MalformedError(f"journal {self.path} makes no sense: {error}", MENDING) from error

    def remember(self, values: Mapping[str, Any]) -> None:
        """Keep values for good; None forgets. Writes nothing when nothing changed."""
        fresh = {key: value for key, value in values.items() if self.recall(key) != value}
        if not fresh:
            return
        with self.transaction():
            for key, value in fresh.items():
                if value is None:
                    self._run("DELETE FROM memory WHERE key = ?", key)
                else:
                    text = msgspec.json.encode(value).decode()
                    self._run("INSERT OR REPLACE INTO memory VALUES (?, ?)", key, text)


def timestamp() -> str:
    """Return the present as the journal writes it."""
    return time_text(datetime.now(UTC))


def _our_error(path: Path, error: sqlite3.Error) -> TidegateError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return UnsuitableError(f"no space left for the journal {path}", "free some space on its disk")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return ConflictError(f"the journal {path} is in use", "try again when the other command has ended")
    if code == sqlite3.SQLITE_READONLY and files.is_read_only(path.parent):
        hint = files.MENDS[errno.EROFS]
        return UnsuitableError(f"the journal {path} is on a read-only file system", hint)
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM}:
        return UnsuitableError(f"the journal {path} cannot be written: {error}", "check its folder and disk")
    return MalformedError(f"the journal {path} is damaged: {error}", MENDING)
