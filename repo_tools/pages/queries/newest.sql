-- The newest failures.
--
-- $most  how many
SELECT agent, received, stage, outcome, coalesce(to_version, running, '') AS version,
       coalesce(rollout, '') AS rollout, reason, detail
FROM reports
WHERE outcome = 'failed'
ORDER BY received DESC, agent, seq DESC
LIMIT $most
