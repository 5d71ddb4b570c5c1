-- Moves between versions: by how many hosts a version's number changed in each day, hour or minute.
--
-- $length  how much of a time names its day (10), its hour (13) or its minute (16)
-- $since   the first day that is looked at
WITH said AS (
  SELECT product, channel, agent, substr(received, 1, $length) AS moment,
         max_by(CASE WHEN stage = 'leave' THEN '' ELSE running END, seq) AS running
  FROM reports
  WHERE dt >= $since AND (running IS NOT NULL OR stage = 'leave')
  GROUP BY product, channel, agent, substr(received, 1, $length)
), moved AS (
  SELECT *, lag(running) OVER (PARTITION BY product, channel, agent ORDER BY moment) AS before
  FROM said
), steps AS (
  SELECT product, channel, moment, running AS version, 1 AS step
  FROM moved WHERE running IS DISTINCT FROM before AND running <> ''
  UNION ALL
  SELECT product, channel, moment, before AS version, -1 AS step
  FROM moved WHERE running IS DISTINCT FROM before AND before <> ''
)
SELECT product, channel, moment, version, sum(step)::BIGINT AS hosts
FROM steps
GROUP BY product, channel, moment, version
ORDER BY product, channel, moment, version
