"""The tables of a lake's state, and what earlier versions of the program called them."""

import duckdb

from metadata.errors import NewerFormatError
from repo_tools.collect.records import Row

FORMAT = 2
"""Of the state; it grows when an older program would count wrongly."""
_TABLES = """
CREATE TABLE IF NOT EXISTS format (number INTEGER);
CREATE TABLE IF NOT EXISTS dropped (
  day VARCHAR, name VARCHAR, mark VARCHAR, size_bytes BIGINT, received VARCHAR);
CREATE TABLE IF NOT EXISTS looked (day VARCHAR, seen_at VARCHAR);
CREATE TABLE IF NOT EXISTS seen (agent VARCHAR, seq BIGINT, digest VARCHAR, dt VARCHAR);
CREATE TABLE IF NOT EXISTS file (path VARCHAR PRIMARY KEY);
CREATE TABLE IF NOT EXISTS token_use (token VARCHAR, agent VARCHAR, PRIMARY KEY (token, agent));
CREATE TABLE IF NOT EXISTS aside (
  name VARCHAR, agent VARCHAR, reason VARCHAR, detail VARCHAR, received VARCHAR, number BIGINT, knew VARCHAR,
  run VARCHAR);
CREATE TABLE IF NOT EXISTS roster (
  agent VARCHAR PRIMARY KEY, key VARCHAR, token VARCHAR, channels VARCHAR[], ring VARCHAR,
  labels VARCHAR, enrolled VARCHAR, cohort_id VARCHAR, seq BIGINT);
CREATE TABLE IF NOT EXISTS stood (
  agent VARCHAR, seq BIGINT, since VARCHAR, ring VARCHAR, cohort_id VARCHAR, PRIMARY KEY (agent, seq));
CREATE TABLE IF NOT EXISTS ordered (
  product VARCHAR, channel VARCHAR, wave VARCHAR, rollout VARCHAR, version VARCHAR, opened VARCHAR,
  PRIMARY KEY (product, channel, wave, rollout));
CREATE TABLE IF NOT EXISTS released (product VARCHAR, version VARCHAR, PRIMARY KEY (product, version));
CREATE TABLE IF NOT EXISTS forgotten (agent VARCHAR PRIMARY KEY, ended VARCHAR, reason VARCHAR);
CREATE TABLE IF NOT EXISTS machine (
  agent VARCHAR, machine VARCHAR, first VARCHAR, last VARCHAR, PRIMARY KEY (agent, machine));
CREATE OR REPLACE TEMP VIEW clone AS
SELECT one.agent, max(least(one.last, other.last)) AS both_heard
FROM machine AS one JOIN machine AS other
  ON one.agent = other.agent AND one.machine < other.machine
 AND one.first <= other.last AND other.first <= one.last
GROUP BY one.agent;
CREATE TABLE IF NOT EXISTS agent (
  agent VARCHAR, product VARCHAR, channel VARCHAR, wave VARCHAR, running VARCHAR, rollout VARCHAR,
  stage VARCHAR, outcome VARCHAR, reason VARCHAR, labels VARCHAR, decision VARCHAR, clock VARCHAR,
  seq BIGINT, first_received VARCHAR, received VARCHAR, left_at VARCHAR, pin VARCHAR, windows VARCHAR,
  PRIMARY KEY (agent, product));
"""
_BEFORE_FORMATS = """
ALTER TABLE roster ADD COLUMN IF NOT EXISTS cohort_id VARCHAR;
ALTER TABLE roster ADD COLUMN IF NOT EXISTS seq BIGINT DEFAULT 0;
ALTER TABLE seen ADD COLUMN IF NOT EXISTS dt VARCHAR;
ALTER TABLE aside ADD COLUMN IF NOT EXISTS number BIGINT DEFAULT 1;
ALTER TABLE aside ADD COLUMN IF NOT EXISTS knew VARCHAR DEFAULT '';
ALTER TABLE aside ADD COLUMN IF NOT EXISTS run VARCHAR DEFAULT '';
CREATE TABLE IF NOT EXISTS object (name VARCHAR, received VARCHAR);
INSERT INTO dropped
SELECT regexp_extract(name, 'dt=([0-9-]+)', 1), name, '', 0, received FROM object;
DROP TABLE object;
"""
"""From the tables of a lake that has no number."""
_BEFORE_PINS = """
ALTER TABLE agent ADD COLUMN IF NOT EXISTS pin VARCHAR;
ALTER TABLE agent ADD COLUMN IF NOT EXISTS windows VARCHAR;
"""
"""From format 1."""
STOOD = """
INSERT INTO stood
SELECT agent, seq, enrolled, ring, cohort_id FROM roster ANTI JOIN stood USING (agent, seq)
"""
"""Keeps each enrolment's standing; an earlier version of the program kept the last one alone."""
COLUMNS = {name: "BIGINT" if name == "seq" else "VARCHAR" for name in Row.__struct_fields__}


def prepare(db: duckdb.DuckDBPyConnection) -> None:
    """Make the tables, or bring those of an earlier version up to date, as a whole or not at all.

    Raises:
        NewerFormatError: A later version made them.
    """
    db.execute("BEGIN")
    db.execute(_TABLES)
    found = db.execute("SELECT number FROM format").fetchall()
    if found and found[0][0] > FORMAT:
        hint = "update Tidegate here; nothing was changed"
        raise NewerFormatError(f"the lake was written by a newer Tidegate (format {found[0][0]})", hint)
    if not found:
        db.execute(_BEFORE_FORMATS)
    if not found or found[0][0] < FORMAT:
        db.execute(_BEFORE_PINS)
        db.execute("DELETE FROM format")
        db.execute("INSERT INTO format VALUES (?)", [FORMAT])
    db.execute(STOOD)
    db.execute("COMMIT")


ADOPT = """
INSERT INTO seen
SELECT agent, seq, digest, ? FROM read_parquet(?, hive_partitioning = false) ANTI JOIN seen USING (agent, seq)
"""
"""A state that is older than its lake knows some of a file."""
FRESH = """
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT said.*, placed.wave
FROM read_json($lines, format = 'newline_delimited', columns = $columns) AS said
ASOF LEFT JOIN (SELECT unnest($agents) AS agent, unnest($channels) AS channel, unnest($since) AS since,
                       unnest($waves) AS wave) AS placed
  ON placed.agent = said.agent AND placed.channel = said.product || '/' || said.channel
 AND said.received >= placed.since
"""
CONFLICTS = """
SELECT DISTINCT fresh.agent, fresh.seq FROM fresh LEFT JOIN seen USING (agent, seq)
WHERE seen.digest <> fresh.digest
   OR EXISTS (SELECT 1 FROM fresh AS other WHERE other.agent = fresh.agent AND other.seq = fresh.seq
              AND other.digest < fresh.digest)
ORDER BY ALL
"""
NEW = """
CREATE OR REPLACE TEMP TABLE new AS
SELECT * FROM fresh ANTI JOIN seen USING (agent, seq)
QUALIFY row_number() OVER (PARTITION BY agent, seq ORDER BY received, digest) = 1
"""
MOST_MACHINES = 16
"""Machines of one identity that are kept: two are a clone already, and each is compared with each."""
MACHINES = """
INSERT INTO machine
WITH heard AS (
  SELECT agent, machine, min(received) AS first, max(received) AS last
  FROM fresh WHERE machine <> '' GROUP BY agent, machine
), known AS (
  SELECT agent, list(machine) AS kept FROM machine WHERE agent IN (SELECT agent FROM heard) GROUP BY agent
), told AS (
  SELECT heard.*, coalesce(list_contains(kept, machine), FALSE) AS again, coalesce(len(kept), 0) AS number
  FROM heard LEFT JOIN known USING (agent)
)
SELECT agent, machine, first, last FROM told
QUALIFY again
     OR number + row_number() OVER (PARTITION BY agent, again ORDER BY first, machine) <= $most
ON CONFLICT DO UPDATE SET first = least(first, excluded.first), last = greatest(last, excluded.last)
"""
STANDINGS = """
SELECT agent, ring, cohort_id FROM roster
WHERE (ring IS NOT NULL OR cohort_id IS NOT NULL) AND agent IN (SELECT unnest($agents))
"""
STAND = """
INSERT OR REPLACE INTO agent
SELECT fresh.agent, fresh.product, last.channel, last.wave, coalesce(ran, old.running), last.rollout,
       last.stage, last.outcome, last.reason, last.labels, coalesce(decided, old.decision), last.clock,
       last.seq, coalesce(old.first_received, fresh.since), last.received,
       CASE WHEN last.stage = 'leave' THEN last.received END,
       coalesce(beat.pin, old.pin), coalesce(beat.windows, old.windows)
FROM (SELECT agent, product, max_by(new, seq) AS last, min(received) AS since,
             max_by(running, seq) FILTER (running IS NOT NULL) AS ran,
             max_by(decision, seq) FILTER (decision IS NOT NULL) AS decided,
             max_by(new, seq) FILTER (stage = 'heartbeat') AS beat
      FROM new GROUP BY agent, product) AS fresh
LEFT JOIN agent AS old USING (agent, product)
WHERE old.seq IS NULL OR last.seq > old.seq
"""
UNSEEN = """
SELECT place
FROM (SELECT unnest($names) AS name, unnest($marks) AS mark, unnest(range(len($names))) AS place) AS listed
ANTI JOIN (SELECT name, mark FROM dropped WHERE day = $day) AS known
  ON known.name = listed.name AND known.mark IN (listed.mark, '')
ORDER BY place
"""
WAITING = """
SELECT DISTINCT dropped.name, dropped.day, dropped.size_bytes, dropped.received, dropped.mark
FROM aside JOIN dropped USING (name) LEFT JOIN roster ON roster.agent = aside.agent
WHERE dropped.received >= $since
  AND ((aside.reason IN ('unknown', 'forged') AND roster.key <> aside.knew)
    OR (aside.reason = 'token' AND aside.knew <> $gate))
LIMIT $most
"""
