-- What each host does: one row for each host and product.
--
-- ordered  what each wave is ordered to run (product, channel, wave, rollout, version)
-- $lost    since when a host that said nothing is silent, as reports write times
CREATE TEMP TABLE standing AS
WITH told AS (
  SELECT product, channel, agent, rollout, max_by(stage, seq) AS stage, max_by(outcome, seq) AS outcome
  FROM reports
  WHERE stage IN ('update_download', 'update_verify', 'update_install', 'update_healthcheck',
                  'update_rollback', 'soak')
    AND rollout IN (SELECT rollout FROM ordered)
  GROUP BY product, channel, agent, rollout
)
SELECT agents.*,
  CASE WHEN presence <> 'present' THEN presence
       WHEN told.stage = 'update_rollback' THEN 'back'
       WHEN told.outcome = 'failed' THEN 'failed'
       WHEN agents.received < $lost THEN 'silent'
       WHEN told.stage = 'update_install' THEN 'trial'
       WHEN agents.running = ordered.version THEN 'current'
       WHEN told.stage IN ('update_download', 'update_verify') THEN 'updating'
       ELSE 'waiting' END AS state
FROM agents
LEFT JOIN ordered
  ON ordered.product = agents.product AND ordered.channel = agents.channel AND ordered.wave = agents.wave
LEFT JOIN told
  ON told.product = agents.product AND told.channel = agents.channel AND told.agent = agents.agent
 AND told.rollout = ordered.rollout
