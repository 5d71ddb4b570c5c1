-- Members: the hosts that each signed order found in its wave, and those that spoke of it besides.
-- What hosts call a rollout and nobody signed is none.
--
-- wave      as ordered; a host is in the one where it spoke of the rollout first, or else in that of its newest
--           report; `selected` are those that were named one by one, and spoke of it
-- opened    from when on hosts of the wave could start
-- enrolled  the host was there before that; the others decide nothing
SELECT orders.product, orders.channel, orders.wave, orders.rollout, orders.version, orders.opened, agents.agent,
       agents.first_received < orders.opened AS enrolled
FROM orders
JOIN agents ON agents.product = orders.product AND agents.channel = orders.channel
LEFT JOIN outcomes AS told
  ON told.product = orders.product AND told.channel = orders.channel AND told.rollout = orders.rollout
 AND told.version = orders.version AND told.agent = agents.agent
WHERE CASE WHEN orders.wave = 'selected' THEN told.agent IS NOT NULL
           ELSE coalesce(told.wave, agents.wave) = orders.wave
                AND (told.agent IS NOT NULL
                     OR agents.first_received < orders.opened
                        AND (presence = 'present' OR agents.received >= orders.opened)) END
