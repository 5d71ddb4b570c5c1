-- The newest failures; of rollouts, what signed orders account for.
--
-- $most  how many
SELECT agent, received, stage, outcome, coalesce(to_version, running, '') AS version,
       coalesce(rollout, '') AS rollout, reason, detail
FROM counted
WHERE outcome = 'failed'
ORDER BY received DESC, agent, seq DESC
LIMIT $most
