-- Progress of rollouts: how far the hosts of each wave are; one that failed once has failed.
--
-- Hosts are counted as gates count them, by the table `outcomes`. A wave is shown once one of its hosts spoke of the rollout.
--
-- expected  enrolled when the rollout's first report came, heard since, and fit; the counts up to `back` are of these
-- heard     have an outcome: ok or failed
-- ok        kept it, and nothing failed until the end of its soak
-- failed    went back, was ill, or could not verify it, whatever succeeded before or afterwards
-- silent    started, and has no outcome yet
-- soaking   of the silent: kept it, and the soak is not over
-- back      of the failed: went back to what ran before
-- unfit     was unhealthy before, too: tells nothing of the release
-- later     enrolled after it began: takes part, and decides nothing
WITH host AS (
  SELECT product, channel, agent, min(received) AS first_heard, max(received) AS last_heard
  FROM reports
  GROUP BY product, channel, agent
), placed AS (
  SELECT product, channel, agent, wave,
         row_number() OVER (PARTITION BY product, channel, agent ORDER BY seq DESC) AS place
  FROM reports
), rollouts AS (
  SELECT product, channel, rollout, min(received) AS opened
  FROM reports
  WHERE rollout IS NOT NULL AND stage <> 'heartbeat'
  GROUP BY product, channel, rollout
), reached AS (
  SELECT DISTINCT product, channel, rollout, coalesce(wave, '') AS wave
  FROM reports
  WHERE rollout IS NOT NULL
), said AS (
  SELECT *, row_number() OVER (PARTITION BY product, channel, rollout, agent
                               ORDER BY CASE WHEN version IS NULL THEN 0 ELSE 1 END DESC, newest DESC) AS place
  FROM outcomes
), judged AS (
  SELECT rollouts.product, rollouts.channel, rollouts.rollout, coalesce(said.wave, placed.wave) AS wave,
         host.first_heard <= rollouts.opened AS enrolled, coalesce(started, FALSE) AS started,
         coalesce(kept, FALSE) AS kept, coalesce(ok, FALSE) AS ok, coalesce(failed, FALSE) AS failed,
         coalesce(returned, FALSE) AS returned, coalesce(unfit, FALSE) AS unfit
  FROM rollouts
  JOIN host ON host.product = rollouts.product AND host.channel = rollouts.channel
           AND host.last_heard >= rollouts.opened
  JOIN placed ON placed.product = host.product AND placed.channel = host.channel
             AND placed.agent = host.agent AND placed.place = 1
  LEFT JOIN said ON said.product = host.product AND said.channel = host.channel
                AND said.rollout = rollouts.rollout AND said.agent = host.agent AND said.place = 1
  WHERE host.first_heard <= rollouts.opened OR said.agent IS NOT NULL
), counted AS (
  SELECT *, enrolled AND NOT unfit AS expected, started AND NOT ok AND NOT failed AS silent FROM judged
)
SELECT counted.product, counted.rollout, counted.wave,
       count_if(expected) AS expected,
       count_if(expected AND (ok OR failed)) AS heard,
       count_if(expected AND ok) AS ok,
       count_if(expected AND failed) AS failed,
       count_if(expected AND silent) AS silent,
       count_if(expected AND silent AND kept) AS soaking,
       count_if(expected AND failed AND returned) AS back,
       count_if(enrolled AND unfit) AS unfit,
       count_if(NOT enrolled) AS later
FROM counted
JOIN reached ON reached.product = counted.product AND reached.channel = counted.channel
            AND reached.rollout = counted.rollout AND reached.wave = coalesce(counted.wave, '')
GROUP BY counted.product, counted.rollout, counted.wave
ORDER BY counted.product, counted.rollout, counted.wave NULLS LAST
