-- Known: the outcomes that signed orders account for; what hosts make up besides is none.
--
-- The rollout was ordered in the wave where the host was (or for selected hosts), and the version was published:
-- the rollout's own, or one on the way to it or back from it.
SELECT * FROM outcomes
WHERE EXISTS (SELECT * FROM orders
              WHERE orders.product = outcomes.product AND orders.channel = outcomes.channel
                AND orders.rollout = outcomes.rollout
                AND (orders.wave = 'selected' OR orders.wave = outcomes.wave))
  AND (version IS NULL OR EXISTS (SELECT * FROM released
                                  WHERE released.product = outcomes.product
                                    AND released.version = outcomes.version))
