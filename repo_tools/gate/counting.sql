-- One row for each member of a wave: what its reports about the version that a rollout orders come to.
-- Those about a version on the way there only tell that the host is on its way, and so not expected yet.
--
-- member   agents of the wave by their places, enrolled before the order opened (agent)
-- reports  what was collected
-- $since   when the order opened, $lost when silence becomes loss, both as reports write times
WITH told AS (
  SELECT agent,
    bool_or(stage IN ('update_install', 'update_healthcheck', 'update_rollback')) AS switched,
    bool_or(stage = 'soak' AND outcome = 'ok') AS soaked,
    bool_or(stage = 'soak' AND outcome = 'failed') AS ill,
    bool_or(stage = 'update_rollback' AND (reason <> 'environment' OR outcome = 'failed')) AS back,
    bool_or(stage = 'update_rollback' AND reason = 'environment') AS unfit,
    bool_or(stage = 'update_rollback') AS returned,
    bool_or(stage IN ('update_install', 'update_healthcheck') AND outcome = 'failed') AS unwell,
    max_by(outcome, seq) FILTER (stage = 'update_verify') = 'failed' AS unverified
  FROM reports
  WHERE product = $product AND channel = $channel AND rollout = $rollout AND to_version = $version
  GROUP BY agent
), under_way AS (
  SELECT agent
  FROM reports ANTI JOIN told USING (agent)
  WHERE product = $product AND channel = $channel AND rollout = $rollout AND to_version IS NOT NULL
  GROUP BY agent
  HAVING NOT bool_or(outcome = 'failed')
), seen AS (
  SELECT agent, max(received) AS last,
         max_by(CASE WHEN stage = 'refusal' THEN reason
                     ELSE json_extract_string(decision, '$.rule') END, seq)
           FILTER (stage = 'refusal' OR decision IS NOT NULL) AS rule
  FROM reports
  WHERE product = $product AND received >= $since
  GROUP BY agent
), judged AS (
  SELECT member.agent, seen.last,
    coalesce(seen.rule, '') IN ('pinned', 'quarantined', 'foreign', 'ahead', 'current')
      OR under_way.agent IS NOT NULL AS held,
    coalesce(told.ill OR told.back OR (told.unwell AND NOT told.returned)
             OR (told.unverified AND NOT told.switched), FALSE) AS failed,
    coalesce(told.soaked, FALSE) AS soaked,
    coalesce(told.switched, FALSE) AS switched,
    coalesce(told.unfit, FALSE) AS unfit
  FROM member LEFT JOIN told USING (agent) LEFT JOIN seen USING (agent)
  LEFT JOIN under_way USING (agent)
)
SELECT agent, failed, soaked AND NOT failed AS ok,
       last IS NOT NULL AND (switched OR failed OR NOT held) AS seen,
       unfit AND NOT soaked AND NOT failed AS unfit,
       switched OR failed OR soaked AS started,
       switched AND NOT soaked AND NOT failed AND NOT unfit AND last < $lost AS lost
FROM judged
ORDER BY agent
