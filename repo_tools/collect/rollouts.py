"""The rollouts that were signed, and when each of their waves opened: whatever else hosts speak of is none.

Each run notes what is live, and what was public when the oldest report that it takes came. Where nothing was
noted yet, as in a lake whose state was lost, it is read back as far as the reports go.
"""

from collections.abc import Collection

from metadata.fields import time_text
from repo_tools.collect.lake import ORDERS, RELEASED, Lake
from repo_tools.collect.records import Ordered, Released
from repo_tools.desk import Desk
from repo_tools.roles import BRAKE, Channel
from repo_tools.rollouts.state import Catalog, opened, order_in

Known = dict[tuple[str, int], frozenset[Ordered]]
"""What versions of roles order."""
_UNKNOWN = "SELECT min(dt) FROM seen WHERE NOT EXISTS (FROM ordered)"


def ordered(desk: Desk, channel: Channel, known: Known) -> frozenset[Ordered]:
    """Return what is live in a channel: the orders of its waves, and of hosts that were selected one by one.

    Args:
        desk: What is live.
        channel: Of a product.
        known: What was read before; it grows.
    """
    roles = [role for role in desk.tree.view(channel.role).delegations if role != channel.below(BRAKE)]
    versions = [(role, desk.live.version(role)) for role in roles]
    for role, version in versions:
        if (role, version) not in known:
            known[role, version] = _said(desk, role)
    return frozenset().union(*(known[version] for version in versions))


def released(desk: Desk) -> frozenset[Released]:
    """Return the versions that hosts may speak of: all that were ever published."""
    return frozenset(
        Released(product, version)
        for product in desk.products()
        for version in Catalog(desk, product).ever_public
    )


def keep(lake: Lake, orders: Collection[Ordered], versions: Collection[Released]) -> None:
    """Note what was ordered and released, and write the tables of both anew."""
    with lake.load() as load:
        load.orders(orders)
        load.released(versions)
    lake.write(ORDERS, "SELECT * FROM ordered ORDER BY ALL")
    lake.write(RELEASED, "SELECT * FROM released ORDER BY ALL")


def unknown_since(lake: Lake) -> str:
    """Return the day of the oldest report in a lake that knows of no order; nothing for any other."""
    [(day,)] = lake.db.execute(_UNKNOWN).fetchall()
    return day or ""


def _said(desk: Desk, role: str) -> frozenset[Ordered]:
    view = desk.tree.find(role)
    orders = map(order_in, view.entries.values()) if view else ()
    return frozenset(
        Ordered(one.product, one.channel, one.wave, one.rollout, one.version, time_text(opened(one)))
        for one in orders
    )
