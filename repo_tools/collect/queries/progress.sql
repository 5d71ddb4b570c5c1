-- Progress of rollouts: how far the hosts of each wave are; one that failed once has failed.
--
-- expected  enrolled when the rollout's first report came, and heard since; all other counts but `later` are of these
-- heard     ended: ok or failed
-- ok        kept it, and nothing failed until the end of its soak
-- failed    something failed on the way, whatever succeeded before or afterwards
-- silent    began to install, and said no more
-- soaking   kept it; the soak is not over
-- back      failed, and went back to what ran before
-- later     hosts that enrolled after it began: they take part, and decide nothing
WITH host AS (
  SELECT product, channel, agent, min(received) AS first_heard, max(received) AS last_heard
  FROM reports
  GROUP BY product, channel, agent
), placed AS (
  SELECT product, channel, agent, wave,
         row_number() OVER (PARTITION BY product, channel, agent ORDER BY seq DESC) AS newest
  FROM reports
), rollouts AS (
  SELECT product, channel, rollout, min(received) AS opened
  FROM reports
  WHERE rollout IS NOT NULL AND stage <> 'heartbeat'
  GROUP BY product, channel, rollout
), said AS (
  SELECT product, channel, rollout, agent, min_by(wave, seq) AS wave,
         max(CASE WHEN stage = 'update_install' THEN 1 ELSE 0 END) AS started,
         max(CASE WHEN stage = 'update_healthcheck' AND outcome = 'ok' THEN 1 ELSE 0 END) AS kept,
         max(CASE WHEN stage = 'soak' AND outcome = 'ok' THEN 1 ELSE 0 END) AS soaked,
         max(CASE WHEN stage = 'update_rollback' THEN 1 ELSE 0 END) AS back,
         max(CASE WHEN outcome = 'failed' OR stage = 'update_rollback' THEN 1 ELSE 0 END) AS failed
  FROM reports
  WHERE rollout IS NOT NULL AND stage <> 'heartbeat'
  GROUP BY product, channel, rollout, agent
), judged AS (
  SELECT rollouts.product, rollouts.rollout, coalesce(said.wave, placed.wave) AS wave,
         CASE WHEN host.first_heard <= rollouts.opened THEN 1 ELSE 0 END AS expected,
         coalesce(started, 0) AS started, coalesce(kept, 0) AS kept, coalesce(soaked, 0) AS soaked,
         coalesce(back, 0) AS back, coalesce(failed, 0) AS failed
  FROM rollouts
  JOIN host ON host.product = rollouts.product AND host.channel = rollouts.channel
           AND host.last_heard >= rollouts.opened
  JOIN placed ON placed.product = host.product AND placed.channel = host.channel
             AND placed.agent = host.agent AND placed.newest = 1
  LEFT JOIN said ON said.product = host.product AND said.channel = host.channel
                AND said.rollout = rollouts.rollout AND said.agent = host.agent
  WHERE host.first_heard <= rollouts.opened OR said.agent IS NOT NULL
)
SELECT product, rollout, wave,
       sum(expected) AS expected,
       sum(expected * CASE WHEN failed = 1 OR soaked = 1 THEN 1 ELSE 0 END) AS heard,
       sum(expected * CASE WHEN failed = 0 THEN soaked ELSE 0 END) AS ok,
       sum(expected * failed) AS failed,
       sum(expected * CASE WHEN failed = 0 AND kept = 0 AND soaked = 0 THEN started ELSE 0 END) AS silent,
       sum(expected * CASE WHEN failed = 0 AND soaked = 0 THEN kept ELSE 0 END) AS soaking,
       sum(expected * back) AS back,
       sum(1 - expected) AS later
FROM judged
GROUP BY product, rollout, wave
ORDER BY product, rollout, wave NULLS LAST
