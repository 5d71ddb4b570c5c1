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
), host AS (
  SELECT NULL::VARCHAR AS pin, NULL::VARCHAR AS windows WHERE FALSE  -- which a lake of an earlier version has not
  UNION ALL BY NAME SELECT * FROM agents
)
SELECT host.*,
  CASE WHEN presence <> 'present' THEN presence
       WHEN told.stage = 'update_rollback' THEN 'back'
       WHEN told.outcome = 'failed' THEN 'failed'
       WHEN host.received < $lost THEN 'silent'
       WHEN told.stage = 'update_install' THEN 'trial'
       WHEN host.running = ordered.version THEN 'current'
       WHEN told.stage IN ('update_download', 'update_verify') THEN 'updating'
       ELSE 'waiting' END AS state
FROM host
LEFT JOIN ordered
  ON ordered.product = host.product AND ordered.channel = host.channel AND ordered.wave = host.wave
LEFT JOIN told
  ON told.product = host.product AND told.channel = host.channel AND told.agent = host.agent
 AND told.rollout = ordered.rollout
