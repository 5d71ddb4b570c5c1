-- Outcomes: what became of each host with each version that a rollout brought it, however often it spoke.
-- Gates, `progress` and whoever asks count by this table, and by nothing else.
--
-- wave      where the host was when it spoke of it first
-- newest    the number of its last report about it
-- switched  ran it, for however long
-- kept      won its trial
-- returned  went back
-- failed    went back, was ill in the soak, or could not verify what it fetched, whatever came afterwards
-- ok        kept it through the soak, and never failed
-- unfit     was unhealthy before the update and after going back: it tells nothing of the version
-- started   switched, or has an outcome; who started and is neither failed, ok nor unfit is silent
WITH told AS (
  SELECT product, channel, rollout, to_version AS version, agent, min_by(wave, seq) AS wave, max(seq) AS newest,
    bool_or(stage IN ('update_install', 'update_healthcheck', 'update_rollback')) AS switched,
    bool_or(stage = 'update_healthcheck' AND outcome = 'ok') AS kept,
    bool_or(stage = 'soak' AND outcome = 'ok') AS soaked,
    bool_or(stage = 'soak' AND outcome = 'failed') AS ill,
    bool_or(stage = 'update_rollback' AND (reason <> 'environment' OR outcome = 'failed')) AS back,
    bool_or(stage = 'update_rollback' AND reason = 'environment') AS sick_before,
    bool_or(stage = 'update_rollback') AS returned,
    bool_or(stage IN ('update_install', 'update_healthcheck') AND outcome = 'failed') AS unwell,
    coalesce(max_by(outcome, seq) FILTER (WHERE stage = 'update_verify'), '') = 'failed' AS unverified
  FROM reports
  WHERE rollout IS NOT NULL AND stage <> 'heartbeat'
  GROUP BY product, channel, rollout, to_version, agent
), judged AS (
  SELECT *, ill OR back OR (unwell AND NOT returned) OR (unverified AND NOT switched) AS failed
  FROM told
)
SELECT product, channel, rollout, version, agent, wave, newest, switched, kept, returned, failed,
       soaked AND NOT failed AS ok, sick_before AND NOT soaked AND NOT failed AS unfit,
       switched OR failed OR soaked AS started
FROM judged
