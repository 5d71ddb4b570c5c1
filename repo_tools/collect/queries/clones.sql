-- Clones: identities that two machines use at the same time, and when both were heard last.
SELECT agent, max(cloned) AS both_heard, max(received) AS heard, max(presence) AS presence
FROM agents
WHERE cloned IS NOT NULL
GROUP BY agent
ORDER BY both_heard DESC, agent
