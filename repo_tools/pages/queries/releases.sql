-- How releases went: one row for each, the one that was heard of last first.
WITH told AS (
  SELECT product, to_version AS version,
         count(DISTINCT agent) FILTER (stage = 'update_install') AS started,
         count(DISTINCT agent) FILTER (stage = 'update_healthcheck' AND outcome = 'ok') AS kept,
         count(DISTINCT agent) FILTER (stage = 'soak' AND outcome = 'ok') AS ok,
         count(DISTINCT agent) FILTER (stage = 'update_rollback') AS back,
         count(DISTINCT agent) FILTER (outcome = 'failed' OR stage = 'update_rollback') AS failed,
         min(received) AS first
  FROM reports
  WHERE to_version IS NOT NULL AND stage <> 'heartbeat'
  GROUP BY product, to_version
), runs AS (
  SELECT product, running AS version, count(*) AS hosts
  FROM agents
  WHERE presence = 'present' AND running IS NOT NULL
  GROUP BY product, running
)
SELECT coalesce(told.product, runs.product) AS product, coalesce(told.version, runs.version) AS version,
       coalesce(started, 0) AS started, coalesce(kept, 0) AS kept, coalesce(ok, 0) AS ok,
       coalesce(back, 0) AS back, coalesce(failed, 0) AS failed, coalesce(hosts, 0) AS running, first
FROM told FULL JOIN runs ON told.product = runs.product AND told.version = runs.version
ORDER BY product, first DESC NULLS LAST, version
