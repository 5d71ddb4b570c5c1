"""Which hosts a recall still waits for. Reads alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from metadata.documents import Order, Recall
from metadata.errors import MalformedError
from metadata.versions import within
from repo_tools.pages.heard import Heard

_RUNNING = """
SELECT running, count(*), count(*) FILTER (state IN ('failed', 'back')) FROM standing
WHERE product = $product AND channel = $channel AND wave = $wave AND presence = 'present'
  AND running IS NOT NULL
GROUP BY ALL
"""


@dataclass(frozen=True)
class Left:
    """Hosts that are to go back and did not yet."""

    hosts: int = 0
    failed: int = 0
    """Of these, those that tried, and failed or came back from there; some try again later."""


def by_wave(heard: Heard, orders: Iterable[Order], now: datetime) -> Mapping[str, Left]:
    """Return the hosts of each wave that run what a recall calls back.

    Args:
        heard: The lake, in which it was worked out what each host does.
        orders: What a rollout orders; an order that is no recall calls nobody back.
        now: The present: a recall covers nothing after its end.
    """
    found: dict[str, Left] = defaultdict(Left)
    for order in orders:
        recall = order.recall
        if recall is None or (recall.until and recall.until <= now):
            continue
        asked = {"product": order.product, "channel": order.channel, "wave": order.wave}
        rows = heard.rows(_RUNNING, asked)
        left = [counts for running, *counts in rows if _covers(recall, running)]
        found[order.wave] = Left(*map(sum, zip(*left, strict=True)))
    return found


def _covers(recall: Recall, running: str) -> bool:
    try:
        return within(running, recall.from_versions)
    except MalformedError:  # what a host says that it runs may be no version
        return False
