"""What was collected as OpenMetrics text: hosts by presence and version, rollouts by outcome."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from metadata.openmetrics import END, gauge
from repo_tools.collect import asking

_OUTCOMES = ("expected", "heard", "ok", "failed", "silent")
_NEWEST = "SELECT max(received) AS received FROM reports"


def openmetrics(lake: Path, now: datetime) -> Iterator[str]:
    """Yield lines about a lake.

    Raises:
        UnsuitableError: Nothing was collected.
    """
    [newest] = _rows(lake, _NEWEST)
    age = f"{(now - datetime.fromisoformat(newest['received'])).total_seconds():.0f}"
    yield from gauge("tidegate_newest_report_age_seconds", "Seconds since a report came.", [({}, age)])
    hosts = [
        ({**_channel(row), "presence": presence}, row[presence])
        for row in _rows(lake, asking.text("hosts"))
        for presence in ("present", "absent", "gone", "forgotten")
    ]
    yield from gauge("tidegate_hosts", "Hosts by whether they are still there.", hosts)
    running = [
        ({**_channel(row), "version": row["version"]}, row["agents"])
        for row in _rows(lake, asking.text("versions"))
    ]
    yield from gauge("tidegate_hosts_running", "Hosts by the version that they said last.", running)
    rollouts = [
        ({name: row[name] for name in ("product", "rollout", "wave")} | {"outcome": outcome}, row[outcome])
        for row in _rows(lake, asking.text("progress"))
        for outcome in _OUTCOMES
    ]
    yield from gauge("tidegate_rollout_hosts", "Hosts of a rollout's waves by outcome.", rollouts)
    yield END


def _channel(row: dict[str, str]) -> dict[str, str]:
    return {name: row[name] for name in ("product", "channel")}


def _rows(lake: Path, statement: str) -> list[dict[str, str]]:
    found = asking.ask(lake, statement)
    return [
        {name: str("" if one is None else one) for name, one in zip(found.columns, row, strict=True)}
        for row in found.rows
    ]
