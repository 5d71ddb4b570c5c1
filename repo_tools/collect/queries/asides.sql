-- Set aside: what did not count, by reason and agent, most first.
--
-- reports   how many; a file that nobody could open is one
-- agent     whose folder it lay in; not who wrote it
-- newest    when the last of them came, by the drop box's clock
-- detail    what was said of one of them
SELECT reason, agent, sum(number) AS reports, max(received) AS newest, max(detail) AS detail
FROM asides
GROUP BY reason, agent
ORDER BY reports DESC, reason, agent
