-- The hosts that fail, and those that are silent: the newest of each first.
--
-- $most  how many
SELECT * FROM standing
WHERE state IN ('failed', 'back', 'silent')
ORDER BY state = 'silent', received DESC, agent
LIMIT $most
