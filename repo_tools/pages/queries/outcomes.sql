-- What became of the hosts that each rollout reached, wave by wave.
SELECT product, channel, rollout, coalesce(wave, '') AS wave, count(*) AS hosts, count_if(ok) AS ok,
       count_if(failed) AS failed, count_if(returned) AS back, count_if(unfit) AS unfit,
       count_if(started AND NOT ok AND NOT failed AND NOT unfit) AS silent
FROM known
GROUP BY ALL
