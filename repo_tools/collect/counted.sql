-- Counted: the reports about outcomes that signed orders account for, and those about no rollout.
SELECT * FROM reports
WHERE nullif(rollout, '') IS NULL
   OR EXISTS (SELECT * FROM known
              WHERE known.product = reports.product AND known.channel = reports.channel
                AND known.rollout = reports.rollout AND known.agent = reports.agent
                AND known.version IS NOT DISTINCT FROM reports.to_version)
