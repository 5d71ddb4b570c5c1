-- The newest reports of some hosts.
--
-- $agents  whose, $most how many of each
SELECT agent, received, stage, outcome, coalesce(to_version, running, '') AS version,
       coalesce(rollout, '') AS rollout, reason, detail
FROM reports
WHERE agent IN (SELECT unnest($agents))
QUALIFY row_number() OVER (PARTITION BY agent ORDER BY seq DESC) <= $most
ORDER BY agent, seq DESC
