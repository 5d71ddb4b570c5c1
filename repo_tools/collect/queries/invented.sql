-- Invented: hosts that speak of rollouts which no signed order names; they move no count of rollouts or releases, and no gate.
--
-- rollouts  how many such names the host told
-- reports   in how many reports
-- newest    when the last of them came
SELECT reports.product, reports.channel, reports.agent, count(DISTINCT reports.rollout) AS rollouts,
       count(*) AS reports, max(reports.received) AS newest
FROM reports
LEFT JOIN (SELECT DISTINCT product, channel, rollout FROM orders) AS known
  ON known.product = reports.product AND known.channel = reports.channel AND known.rollout = reports.rollout
WHERE reports.rollout IS NOT NULL AND known.rollout IS NULL
GROUP BY reports.product, reports.channel, reports.agent
ORDER BY reports DESC, reports.agent, reports.product, reports.channel
