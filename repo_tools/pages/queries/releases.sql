-- How releases went: one row for each, the one that was heard of last first.
--
-- Hosts are counted as gates count them, by the table `known`; one that failed with a release once has failed.
WITH host AS (
  SELECT product, version, agent, bool_or(switched) AS switched, bool_or(kept) AS kept, bool_or(returned) AS back,
         bool_or(failed) AS failed, bool_or(ok) AND NOT bool_or(failed) AS ok
  FROM known
  WHERE version IS NOT NULL
  GROUP BY product, version, agent
), went AS (
  SELECT product, version, count_if(switched) AS started, count_if(kept) AS kept, count_if(ok) AS ok,
         count_if(back) AS back, count_if(failed) AS failed
  FROM host
  GROUP BY product, version
), told AS (
  SELECT product, to_version AS version, min(received) AS first
  FROM counted
  WHERE to_version IS NOT NULL AND rollout <> '' AND stage <> 'heartbeat'
  GROUP BY product, to_version
), runs AS (
  SELECT product, running AS version, count(*) AS hosts
  FROM agents
  WHERE presence = 'present' AND running IS NOT NULL
  GROUP BY product, running
)
SELECT product, version, coalesce(started, 0) AS started, coalesce(kept, 0) AS kept, coalesce(ok, 0) AS ok,
       coalesce(back, 0) AS back, coalesce(failed, 0) AS failed, coalesce(hosts, 0) AS running, first
FROM told FULL JOIN went USING (product, version) FULL JOIN runs USING (product, version)
ORDER BY product, first DESC NULLS LAST, version DESC
