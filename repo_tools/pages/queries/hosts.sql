-- A page of the hosts that somebody looks for, by name.
--
-- $text     a part of the id, of what it runs, or of a label; empty for all
-- $state    what they do; empty for all
-- $channel  of a product; empty for all
-- $most     how many on a page, $skip how many before it
SELECT *, count(*) OVER () AS total FROM standing
WHERE ($text = '' OR contains(lower(concat_ws(chr(10), agent, running, labels)), lower($text)))
  AND ($state = '' OR state = $state)
  AND ($channel = '' OR product || '/' || channel = $channel)
ORDER BY agent, product
LIMIT $most OFFSET $skip
