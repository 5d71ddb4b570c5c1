-- Failures by stage and reason: how many hosts, and the newest; of rollouts, what signed orders account for.
--
-- agents   hosts that failed so, however often each of them
-- newest   when the last of these reports came, by the drop box's clock
SELECT product, rollout, to_version AS version, stage, reason,
       count(DISTINCT agent) AS agents, max(received) AS newest
FROM counted
WHERE outcome = 'failed'
GROUP BY product, rollout, to_version, stage, reason
ORDER BY product, rollout NULLS LAST, agents DESC, version NULLS LAST, stage, reason
