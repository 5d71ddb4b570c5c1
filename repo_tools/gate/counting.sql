-- One row for each member of a wave: what its reports about the version that a rollout orders come to.
-- Those about a version on the way there only tell that the host is on its way, and so not expected yet.
--
-- member    agents of the wave by their places, enrolled before the order opened (agent)
-- reports   what was collected, and outcomes, which it comes to
-- $since    when the order opened, $lost when silence becomes loss, both as reports write times
WITH told AS (
  SELECT * FROM outcomes
  WHERE product = $product AND channel = $channel AND rollout = $rollout AND version = $version
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
)
SELECT member.agent, coalesce(failed, FALSE) AS failed, coalesce(ok, FALSE) AS ok,
       last IS NOT NULL AND (
         coalesce(switched OR failed, FALSE) OR under_way.agent IS NULL AND coalesce(seen.rule, '')
           NOT IN ('pinned', 'quarantined', 'foreign', 'ahead', 'current')) AS seen,
       coalesce(unfit, FALSE) AS unfit, coalesce(started, FALSE) AS started,
       coalesce(started AND NOT failed AND NOT ok AND NOT unfit AND last < $lost, FALSE) AS lost
FROM member LEFT JOIN told USING (agent) LEFT JOIN seen USING (agent) LEFT JOIN under_way USING (agent)
ORDER BY member.agent
