-- Failures by stage and reason: how many hosts, and the newest.
SELECT rollout, to_version AS version, stage, reason,
       count(DISTINCT agent) AS agents, max(received) AS newest
FROM reports
WHERE outcome = 'failed'
GROUP BY rollout, to_version, stage, reason
ORDER BY rollout, agents DESC, stage, reason
