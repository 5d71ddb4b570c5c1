-- Stragglers: hosts that do not run what most of their channel runs, the longest silent first.
WITH said AS (
  SELECT product, channel, agent, running, received,
         row_number() OVER (PARTITION BY product, agent ORDER BY seq DESC) AS newest
  FROM reports
  WHERE running IS NOT NULL
), counted AS (
  SELECT product, channel, running, count(*) AS agents
  FROM said WHERE newest = 1 GROUP BY product, channel, running
), most AS (
  SELECT product, channel, running,
         row_number() OVER (PARTITION BY product, channel ORDER BY agents DESC, running DESC) AS place
  FROM counted
)
SELECT said.product, said.channel, said.agent, said.running AS version, most.running AS usual, said.received AS heard
FROM said JOIN most ON said.product = most.product AND said.channel = most.channel AND most.place = 1
WHERE said.newest = 1 AND said.running <> most.running
ORDER BY heard, said.agent
