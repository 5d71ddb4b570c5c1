"""The dashboard of a large fleet: how long it takes to build, and how much it is.

The lake is as the collector leaves it: a month of heartbeats, and a rollout in which every hundredth host of
canary went back. Its reports bear no signatures: pages look at none.
"""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import duckdb

from metadata.fields import time_text
from repo_tools.collect.placing import map_of
from repo_tools.collect.records import Standing
from repo_tools.rollouts.state import read_state
from tests.bench.measure import Row, cost
from tests.support.workspace import Workspace

HOSTS, DAYS = 100_000, 30
LIMIT_S, LIMIT_MB = 10, 5
_HOSTS = """
CREATE TABLE host AS
SELECT agent, wave, (hash(agent) % 1440)::INTEGER AS minute, hash(agent) % 100 = 0 AS bad
FROM (SELECT unnest($names) AS agent, unnest($waves) AS wave)
"""
_SAID = """
CREATE TABLE said AS
WITH heartbeat AS (
  SELECT agent, wave, day + 2 AS seq, $start + to_days(day::INTEGER) + to_minutes(minute) AS moment,
         'heartbeat' AS stage, 'ok' AS outcome, '' AS reason, NULL AS rollout, NULL AS to_version,
         CASE WHEN wave = 'canary' AND day > $days - 3 AND NOT bad THEN '1.5.0' ELSE '1.4.2' END AS running,
         '{"rule":"current","text":"this is what the order asks for"}' AS decision
  FROM host, range($days) AS days(day)
), step AS (
  SELECT *, ['update_download', 'update_verify', 'update_install', 'update_healthcheck',
             CASE WHEN bad THEN 'update_rollback' ELSE 'soak' END][step + 1] AS stage
  FROM host, range(5) AS steps(step)
  WHERE wave = 'canary'
), told AS (
  SELECT agent, wave, $days + 2 + step AS seq, $start + to_days($days - 3) + to_minutes(step) AS moment,
         stage,
         CASE WHEN bad AND stage = 'update_healthcheck' THEN 'failed' ELSE 'ok' END AS outcome,
         CASE WHEN bad THEN 'unhealthy' ELSE '' END AS reason, 'stable-0002' AS rollout,
         '1.5.0' AS to_version,
         NULL AS running, NULL AS decision
  FROM step
)
SELECT * EXCLUDE (moment), strftime(moment, '%Y-%m-%dT%H:%M:%SZ') AS received,
       'agent' AS product, 'stable' AS channel,
       '{"site":"site-' || hash(agent) % 40 || '"}' AS labels, '' AS clock
FROM (SELECT * FROM heartbeat UNION ALL BY NAME SELECT * FROM told)
"""
_REPORTS = """
COPY (SELECT *, received AS "at", wave AS said_wave, NULL::VARCHAR AS from_version,
             'what happened here' AS detail,
             sha256(agent || seq) AS digest, '' AS machine, substr(received, 1, 10) AS dt
      FROM said) TO '%s' (FORMAT parquet, PARTITION_BY dt, COMPRESSION zstd)
"""
_AGENTS = """
COPY (SELECT agent, product, channel, any_value(wave) AS wave, any_value(labels) AS labels,
             max_by(running, seq) FILTER (running IS NOT NULL) AS running, max_by(decision, seq) AS decision,
             max(seq) AS seq, min(received) AS first_received, max(received) AS received,
             NULL::VARCHAR AS ring, NULL::VARCHAR AS cohort_id, 'present' AS presence
      FROM said GROUP BY agent, product, channel) TO '%s' (FORMAT parquet, COMPRESSION zstd)
"""
_ORDERS = """
COPY (SELECT 'agent' AS product, 'stable' AS channel, 'canary' AS wave, 'stable-0002' AS rollout,
             '1.5.0' AS version, $opened AS opened) TO '%s' (FORMAT parquet)
"""
_RELEASED = "COPY (SELECT 'agent' AS product, '1.5.0' AS version) TO '%s' (FORMAT parquet)"


def rows(folder: Path, _python: str, runs: int) -> list[Row]:
    """Measure a build, and the size of what was built."""
    place = filled(folder, HOSTS)
    taken = []
    for _ in range(runs):
        shutil.rmtree(place.store / "status", ignore_errors=True)
        taken.append(_built(place))
    size = sum(path.stat().st_size for path in (place.store / "status").rglob("*") if path.is_file())
    return [
        Row(
            f"dashboard of {HOSTS:,} hosts built", median(taken), "s", LIMIT_S, note=f"{DAYS} days of reports"
        ),
        Row(f"dashboard of {HOSTS:,} hosts", size / 1e6, "MB", LIMIT_MB, note="with --full"),
    ]


def filled(folder: Path, hosts: int) -> Workspace:
    """Return a repository with a rollout in canary, and a lake of so many hosts."""
    work = Workspace(folder / str(hosts))
    if (work.base / "ready").exists():
        return work
    shutil.rmtree(work.base, ignore_errors=True)
    now = datetime.now(UTC).replace(microsecond=0)
    work.found("--store", "../store")
    work.publish_release("1.4.2")
    work.promote()
    work.add("1.5.0")
    opened = time_text(now - timedelta(days=3))
    work.do(
        "rollout",
        "start",
        "stable",
        "1.5.0",
        "--strategy",
        "gated",
        "--not-before",
        opened,
        "--spread-s",
        "600",
    )
    work.sign_and_publish()
    _fill(work, hosts, now - timedelta(days=DAYS))
    (work.base / "ready").touch()
    return work


def _fill(work: Workspace, hosts: int, start: datetime) -> None:
    desk = work.desk().published()
    where = map_of(read_state(desk, desk.only_channel()))
    names = [f"host-{number:06}" for number in range(hosts)]
    lake = work.folder / "lake"
    lake.mkdir()
    times = {"start": start.replace(tzinfo=None), "days": DAYS}
    with duckdb.connect() as db:
        db.execute(_HOSTS, {"names": names, "waves": [where.wave(name, Standing()) for name in names]})
        db.execute(_SAID, times)
        db.execute(_REPORTS % (lake / "reports"))
        db.execute(_AGENTS % (lake / "agents.parquet"))
        db.execute(_RELEASED % (lake / "released.parquet"))
        db.execute(
            _ORDERS % (lake / "orders.parquet"), {"opened": time_text(start + timedelta(days=DAYS - 3))}
        )


def _built(work: Workspace) -> float:
    program: list[str | Path] = [
        sys.executable,
        "-m",
        "repo_tools",
        "-C",
        work.folder,
        "dashboard",
        "build",
        "--full",
        "--yes",
    ]
    return cost(sys.executable, program, cwd=work.base).wall_s
