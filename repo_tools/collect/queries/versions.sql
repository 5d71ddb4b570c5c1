-- Versions by channel: how many hosts said last that they run which.
SELECT product, channel, running AS version, count(*) AS agents
FROM (
  SELECT product, channel, agent, running,
         row_number() OVER (PARTITION BY product, agent ORDER BY seq DESC) AS newest
  FROM reports
  WHERE running IS NOT NULL
) AS said
WHERE newest = 1
GROUP BY product, channel, running
ORDER BY product, channel, agents DESC, version
