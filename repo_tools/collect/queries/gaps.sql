-- Gaps: numbers that are missing between the reports of a host, which counts without gaps.
--
-- A host sends in order, so what is missing below a later number was lost on the way, removed, or set aside.
-- Copies of a drop box come in any order: a gap is one when the number after it has been here for two days,
-- by the newest report of all. A host that sleeps has no gap, since nothing comes after what it has not sent.
--
-- missing   how many numbers, from `first` to `last`
-- noticed   when the number after them came, by the drop box's clock
WITH numbers AS (
  SELECT agent, seq, min(received) AS received FROM reports GROUP BY agent, seq
), steps AS (
  SELECT agent, seq, received, lag(seq, 1, 0) OVER (PARTITION BY agent ORDER BY seq) AS before
  FROM numbers
), newest AS (
  SELECT max(received) AS received FROM numbers
)
SELECT steps.agent, seq - before - 1 AS missing, before + 1 AS first, seq - 1 AS last,
       steps.received AS noticed
FROM steps CROSS JOIN newest
WHERE seq > before + 1
  AND CAST(substr(steps.received, 1, 10) AS DATE) + INTERVAL 2 DAY
      <= CAST(substr(newest.received, 1, 10) AS DATE)
ORDER BY steps.agent, first
