-- The newest reports of some hosts.
--
-- $agents  whose, $most how many of each for a product
SELECT agent, product, received, stage, outcome, coalesce(to_version, running, '') AS version,
       coalesce(rollout, '') AS rollout, reason, detail
FROM reports
WHERE agent IN (SELECT unnest($agents))
QUALIFY row_number() OVER (PARTITION BY agent, product ORDER BY seq DESC) <= $most
ORDER BY agent, product, seq DESC
