"""Which hosts a recall still waits for. Reads alone."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from metadata.documents import Order, Recall
from metadata.errors import MalformedError
from metadata.versions import within
from repo_tools.pages.heard import Heard

_RUNNING = """
SELECT running, count(*) FROM standing
WHERE product = $product AND channel = $channel AND wave = $wave AND presence = 'present'
  AND running IS NOT NULL
GROUP BY ALL
"""


def by_wave(heard: Heard, orders: Iterable[Order], now: datetime) -> Counter[str]:
    """Return how many hosts of each wave run what a recall calls back.

    Args:
        heard: The lake, in which it was worked out what each host does.
        orders: What a rollout orders; an order that is no recall calls nobody back.
        now: The present: a recall covers nothing after its end.
    """
    found: Counter[str] = Counter()
    for order in orders:
        recall = order.recall
        if recall is None or (recall.until and recall.until <= now):
            continue
        asked = {"product": order.product, "channel": order.channel, "wave": order.wave}
        rows = heard.rows(_RUNNING, asked)
        found[order.wave] = sum(hosts for running, hosts in rows if _covers(recall, running))
    return found


def _covers(recall: Recall, running: str) -> bool:
    try:
        return within(running, recall.from_versions)
    except MalformedError:  # what a host says that it runs may be no version
        return False
