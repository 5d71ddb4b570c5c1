-- Progress of rollouts: how far the hosts of each wave are; one that failed once has failed.
--
-- Hosts are counted as gates count them, by the table `judged`, and the rollouts are those that were signed.
--
-- wave      as ordered; `selected` are the hosts that were named one by one
-- expected  enrolled when the order opened, heard since, free to start, and fit; the counts up to `back` are of these
-- heard     have an outcome: ok or failed
-- ok        kept it, and nothing failed until the end of its soak
-- failed    went back, was ill, or could not verify it, whatever succeeded before or afterwards
-- silent    started, and has no outcome yet
-- soaking   of the silent: kept it, and the soak is not over
-- back      of the failed: went back to what ran before
-- unfit     was unhealthy before, too: tells nothing of the release
-- later     enrolled after it began: takes part, and decides nothing
SELECT product, rollout, wave,
       count_if(enrolled AND expected) AS expected,
       count_if(enrolled AND expected AND (ok OR failed)) AS heard,
       count_if(enrolled AND expected AND ok) AS ok,
       count_if(enrolled AND expected AND failed) AS failed,
       count_if(enrolled AND expected AND silent) AS silent,
       count_if(enrolled AND expected AND silent AND kept) AS soaking,
       count_if(enrolled AND expected AND failed AND returned) AS back,
       count_if(enrolled AND seen AND unfit) AS unfit,
       count_if(NOT enrolled) AS later
FROM judged
GROUP BY product, channel, rollout, wave
ORDER BY product, rollout, wave
