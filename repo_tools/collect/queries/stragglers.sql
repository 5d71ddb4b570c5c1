-- Stragglers: hosts that do not run what most of their channel runs, the longest silent first.
--
-- version   what the host said last that it runs
-- usual     what most hosts of its channel run; of two that are as frequent, the one that sorts last
-- heard     when it said so, by the drop box's clock
WITH said AS (
  SELECT product, channel, agent, running, received,
         row_number() OVER (PARTITION BY product, agent ORDER BY seq DESC) AS newest
  FROM reports
  WHERE running IS NOT NULL
), counted AS (
  SELECT product, channel, running, count(*) AS agents
  FROM said
  WHERE newest = 1
  GROUP BY product, channel, running
), most AS (
  SELECT product, channel, running,
         row_number() OVER (PARTITION BY product, channel ORDER BY agents DESC, running DESC) AS place
  FROM counted
)
SELECT said.product, said.channel, said.agent, said.running AS version, most.running AS usual,
       said.received AS heard
FROM said
JOIN most ON said.product = most.product AND said.channel = most.channel AND most.place = 1
WHERE said.newest = 1 AND said.running <> most.running
ORDER BY heard, said.agent, said.product
