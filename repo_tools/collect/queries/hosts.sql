-- Hosts by channel: present, absent (silent for 30 days), left by their own word, or forgotten by a person's.
SELECT product, channel,
       sum(CASE WHEN presence = 'present' THEN 1 ELSE 0 END) AS present,
       sum(CASE WHEN presence = 'absent' THEN 1 ELSE 0 END) AS absent,
       sum(CASE WHEN presence = 'left' THEN 1 ELSE 0 END) AS gone,
       sum(CASE WHEN presence = 'forgotten' THEN 1 ELSE 0 END) AS forgotten
FROM agents
GROUP BY product, channel
ORDER BY product, channel
