-- Success by release over time: the share of hosts that kept it, by the day on which they were heard.
SELECT to_version AS version, substr(received, 1, 10) AS day,
       count(DISTINCT CASE WHEN stage = 'update_healthcheck' AND outcome = 'ok' THEN agent END) AS kept,
       count(DISTINCT CASE WHEN stage = 'update_rollback' THEN agent END) AS rolled_back
FROM reports
WHERE to_version IS NOT NULL AND stage IN ('update_healthcheck', 'update_rollback')
GROUP BY to_version, substr(received, 1, 10)
ORDER BY version, day
