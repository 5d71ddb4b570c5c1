-- Success by release over time: how many hosts kept it, by the day on which they were heard.
--
-- Only what hosts did by signed orders counts.
--
-- kept     hosts whose trial was won on that day
-- ok       hosts whose soak ended well on that day
-- back     hosts that went back on that day
-- failed   hosts that said of any step that it failed
SELECT product, to_version AS version, substr(received, 1, 10) AS day,
       count(DISTINCT CASE WHEN stage = 'update_healthcheck' AND outcome = 'ok' THEN agent END) AS kept,
       count(DISTINCT CASE WHEN stage = 'soak' AND outcome = 'ok' THEN agent END) AS ok,
       count(DISTINCT CASE WHEN stage = 'update_rollback' THEN agent END) AS back,
       count(DISTINCT CASE WHEN outcome = 'failed' THEN agent END) AS failed
FROM counted
WHERE to_version IS NOT NULL AND rollout <> '' AND stage <> 'heartbeat'
GROUP BY product, to_version, substr(received, 1, 10)
ORDER BY product, version, day
