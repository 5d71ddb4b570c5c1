-- Progress of rollouts: how far the hosts of each wave are; one that failed once has failed.
SELECT rollout, wave,
       count(*) AS agents,
       sum(started) AS started,
       sum(CASE WHEN failed = 0 THEN kept ELSE 0 END) AS kept,
       sum(CASE WHEN failed = 0 THEN soaked ELSE 0 END) AS soaked,
       sum(back) AS rolled_back,
       sum(CASE WHEN back = 0 THEN failed ELSE 0 END) AS failed,
       sum(CASE WHEN kept = 0 AND failed = 0 THEN started ELSE 0 END) AS silent
FROM (
  SELECT rollout, wave, agent,
         max(CASE WHEN stage = 'update_install' THEN 1 ELSE 0 END) AS started,
         max(CASE WHEN stage = 'update_healthcheck' AND outcome = 'ok' THEN 1 ELSE 0 END) AS kept,
         max(CASE WHEN stage = 'soak' AND outcome = 'ok' THEN 1 ELSE 0 END) AS soaked,
         max(CASE WHEN stage = 'update_rollback' THEN 1 ELSE 0 END) AS back,
         max(CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END) AS failed
  FROM reports
  WHERE rollout IS NOT NULL AND stage <> 'heartbeat'
  GROUP BY rollout, wave, agent
) AS hosts
GROUP BY rollout, wave
ORDER BY rollout, wave
