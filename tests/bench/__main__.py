"""``make bench``: measure, print one table, exit 1 when a limit is missed.

``python -m tests.bench [--json] [--runs N] [PART …]``
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.bench import (
    auditing,
    clients,
    collecting,
    deltas,
    flooding,
    growing,
    installing,
    lean,
    polling,
    publishing,
    ranges,
    showing,
    standing,
    uploading,
)
from tests.bench.measure import Row
from tests.conftest import ROOT

PARTS = {
    "polling": (polling.rows, 25),
    "clients": (clients.rows, 15),
    "standing": (standing.rows, 1),
    "growing": (growing.rows, 1),
    "deltas": (deltas.rows, 1),
    "ranges": (ranges.rows, 3),
    "installing": (installing.rows, 5),
    "auditing": (auditing.rows, 5),
    "publishing": (publishing.rows, 5),
    "uploading": (uploading.rows, 4),
    "collecting": (collecting.rows, 3),
    "flooding": (flooding.rows, 1),
    "showing": (showing.rows, 3),
}
"""What measures each part, and how often by default."""
WIDTH = 112


def main() -> int:
    """Measure and print; return the exit code."""
    asked = _arguments()
    python = lean.python()
    rows: list[Row] = []
    for name in asked.parts or PARTS:
        measure, usual = PARTS[name]
        _say(f"measuring {name}, {asked.runs or usual} interleaved runs")
        rows += measure(ROOT / ".cache" / "bench" / name, python, asked.runs or usual)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.platform()}"
    if asked.json:
        found = [{**asdict(row), "value": row.value, "holds": row.holds} for row in rows]
        sys.stdout.write(f"{json.dumps({'machine': machine, 'rows': found}, indent=2)}\n")
    else:
        Console(width=WIDTH).print(_table(machine, rows))
    return 0 if all(row.holds for row in rows) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, help="how often each command is measured")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return asked


def _table(machine: str, rows: list[Row]) -> Table:
    table = Table(title=f"Speed and size ({machine})", title_justify="left")
    for name in ("what", "measured", "peer", "ratio", "limit", "verdict", ""):
        table.add_column(name, justify="right" if name in {"measured", "peer", "ratio", "limit"} else "left")
    for row in rows:
        peer = f"{row.peer:.4g} {row.unit}" if row.peer is not None else ""
        ratio = f"{row.value:.2f}" if row.peer is not None else ""
        limit = (
            ""
            if row.limit is None
            else f"{row.limit:g}"
            if row.peer is not None
            else f"{row.limit:g} {row.unit}"
        )
        verdict = "" if row.limit is None else "holds" if row.holds else "MISSED"
        table.add_row(row.what, f"{row.measured:.4g} {row.unit}", peer, ratio, limit, verdict, row.note)
    return table


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
