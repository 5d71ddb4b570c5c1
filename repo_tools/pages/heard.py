"""What pages ask of the lake. Reads alone; nothing here decides."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from metadata.documents import Order
from metadata.fields import time_text
from repo_tools.collect import asking, duck
from repo_tools.collect.days import is_empty
from repo_tools.collect.tables import COLUMNS
from repo_tools.gate.counting import LOST

_ROOM = files("repo_tools.pages") / "queries"
_REPORTS = ", ".join(f'"{name}" {kind}' for name, kind in {**COLUMNS, "wave": "VARCHAR"}.items())
_NOTHING = f"""
CREATE TABLE reports ({_REPORTS});
CREATE TABLE agents (
  agent VARCHAR, product VARCHAR, channel VARCHAR, wave VARCHAR, running VARCHAR, labels VARCHAR,
  decision VARCHAR, received VARCHAR, ring VARCHAR, cohort_id VARCHAR, presence VARCHAR,
  pin VARCHAR, windows VARCHAR);
CREATE VIEW outcomes AS {asking.made("outcomes")};
CREATE VIEW orders AS {asking.UNKNOWN["orders"]};
CREATE VIEW released AS {asking.UNKNOWN["released"]};
CREATE VIEW known AS {asking.made("known")};
CREATE VIEW counted AS {asking.made("counted")};
"""
"""The tables of a lake in which nothing is."""
_ORDERED = """
CREATE TEMP TABLE ordered AS
SELECT unnest($products::VARCHAR[]) AS product, unnest($channels::VARCHAR[]) AS channel,
       unnest($waves::VARCHAR[]) AS wave, unnest($rollouts::VARCHAR[]) AS rollout,
       unnest($versions::VARCHAR[]) AS version
"""
_LABELS = """
SELECT labels, count(DISTINCT agent) FROM counted WHERE outcome = 'failed' GROUP BY labels ORDER BY labels
"""
_BACK = """
SELECT coalesce(reports.wave, ''), count(DISTINCT agent) FROM reports
WHERE product = $product AND channel = $channel AND rollout = $rollout AND stage = 'update_rollback'
GROUP BY ALL
"""
_PRESENT = """
SELECT coalesce(wave, ''), state, count(*) FROM standing
WHERE product = $product AND channel = $channel AND presence = 'present' GROUP BY ALL
"""
_SPAN = "SELECT min(received), max(received) FROM reports"


Answer = TypeVar("Answer")
Kept = dict[str, Any]
"""Answers of one lake, by name: good for as long as nothing is collected."""


@dataclass(frozen=True)
class Heard:
    """A lake that is open for pages; what each host does is worked out once."""

    db: duckdb.DuckDBPyConnection
    empty: bool
    """Whether nothing was collected."""
    kept: Kept = field(default_factory=dict)

    def once(self, name: str, ask: Callable[[], Answer]) -> Answer:
        """Return an answer that the lake alone decides, and keep it for who opens the same lake again."""
        if name not in self.kept:
            self.kept[name] = ask()
        answer: Answer = self.kept[name]
        return answer

    def rows(self, statement: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of an answer."""
        return self.db.execute(statement, dict(values or {})).fetchall()

    def named(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """Return the answer to a question of this room, by column."""
        return self.dicts(_text(name), values)

    def dicts(self, statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of an answer, by column."""
        found = self.db.execute(statement, dict(values))
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

    def stand(self, orders: Sequence[Order], now: datetime) -> None:
        """Work out what each host does, by what its wave is ordered."""
        self.db.execute(
            _ORDERED,
            {
                "products": [one.product for one in orders],
                "channels": [one.channel for one in orders],
                "waves": [one.wave for one in orders],
                "rollouts": [one.rollout for one in orders],
                "versions": [one.version for one in orders],
            },
        )
        self.db.execute(_text("standing"), {"lost": time_text(now - LOST)})

    def span(self) -> tuple[datetime | None, datetime | None]:
        """Return when the first and the newest report came."""
        [(first, last)] = self.rows(_SPAN)
        return moment(first), moment(last)

    def labels(self) -> list[tuple[str, int]]:
        """Return how many hosts failed, by their labels as JSON."""
        return [(str(labels), number) for labels, number in self.rows(_LABELS)]

    def back(self, order: Order) -> dict[str, int]:
        """Return how many hosts went back from a rollout, by wave."""
        about = {"product": order.product, "channel": order.channel, "rollout": order.rollout}
        return dict(self.rows(_BACK, about))

    def present(self, product: str, channel: str) -> dict[str, dict[str, int]]:
        """Return how many present hosts of a channel are in which state, by wave."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for wave, state, number in self.rows(_PRESENT, {"product": product, "channel": channel}):
            found[wave][state] = number
        return found


@contextmanager
def opened(lake: Path, kept: Kept | None = None) -> Iterator[Heard]:
    """Open a lake for pages; one in which nothing is has empty tables.

    Args:
        lake: Where it is.
        kept: What it answered before, if it is still the same.

    Raises:
        MalformedError: It is damaged.
    """
    if not is_empty(lake):
        with duck.opened(lake) as engine:
            yield Heard(engine.db, empty=False, kept={} if kept is None else kept)
        return
    with duckdb.connect() as db:
        db.execute(_NOTHING)
        yield Heard(db, empty=True)


def moment(text: str | None) -> datetime | None:
    """Return a time as the lake writes it."""
    return datetime.fromisoformat(text) if text else None


def _text(name: str) -> str:
    return (_ROOM / f"{name}.sql").read_text("utf-8")
