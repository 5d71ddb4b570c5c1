-- Judged: what each member of a wave comes to, by its reports about the version that the wave is ordered to run.
-- Those about a version on the way there only tell that the host is on its way, and so not expected yet.
--
-- member    who is judged: product, channel, rollout, version, opened, agent, and what else is to be kept
-- seen      started in the rollout, also before its order was held and opened anew; or was heard of since, and
--           nothing of its own keeps it from starting
-- expected  seen, and fit
-- silent    started, and has no outcome yet
-- last      when it was heard last, of those that were heard since the order opened or that started
WITH on_way AS (
  SELECT product, channel, rollout, agent
  FROM reports
  WHERE rollout IS NOT NULL AND to_version IS NOT NULL
  GROUP BY product, channel, rollout, agent
  HAVING NOT bool_or(outcome = 'failed')
), ruled AS (
  SELECT product, agent, seq, received,
         CASE WHEN stage = 'refusal' THEN reason
              ELSE regexp_extract(decision, '"rule":"([a-z_]*)"', 1) END AS rule
  FROM reports
  WHERE received >= (SELECT min(opened) FROM member) AND agent IN (SELECT agent FROM member)
), heard AS (
  SELECT product, agent, max(received) AS spoke, max_by(rule, seq) FILTER (WHERE rule IS NOT NULL) AS rule,
         max_by(received, seq) FILTER (WHERE rule IS NOT NULL) AS ruled
  FROM ruled
  GROUP BY product, agent
), found AS (
  SELECT member.*, coalesce(switched, FALSE) AS switched, coalesce(kept, FALSE) AS kept,
         coalesce(returned, FALSE) AS returned, coalesce(failed, FALSE) AS failed, coalesce(ok, FALSE) AS ok,
         coalesce(unfit, FALSE) AS unfit, coalesce(started, FALSE) AS started,
         told.agent IS NULL AND on_way.agent IS NOT NULL AS under_way,
         CASE WHEN spoke >= opened THEN spoke WHEN started THEN agents.received END AS last,
         CASE WHEN ruled >= opened THEN rule ELSE '' END AS rule
  FROM member
  LEFT JOIN outcomes AS told
    ON told.product = member.product AND told.channel = member.channel AND told.rollout = member.rollout
   AND told.version = member.version AND told.agent = member.agent
  LEFT JOIN on_way
    ON on_way.product = member.product AND on_way.channel = member.channel AND on_way.rollout = member.rollout
   AND on_way.agent = member.agent
  LEFT JOIN heard ON heard.product = member.product AND heard.agent = member.agent
  LEFT JOIN agents
    ON agents.product = member.product AND agents.channel = member.channel AND agents.agent = member.agent
), met AS (
  SELECT *, last IS NOT NULL AND (started OR NOT under_way
           AND rule NOT IN ('pinned', 'quarantined', 'foreign', 'ahead', 'current')) AS seen
  FROM found
)
SELECT *, seen AND NOT unfit AS expected, started AND NOT ok AND NOT failed AND NOT unfit AS silent
FROM met
