"""Retire releases: the list of live ones gets shorter, and nobody misses them.

Older versions of the releases role keep what they said, so history stays as it is. What is retired is kept in
signed metadata with its digest: the same version with other content would be refused by whoever knew it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from metadata.documents import Order
from metadata.errors import UnsuitableError
from repo_tools.desk import Desk
from repo_tools.roles import BRAKE, SELECTED, Channel, release_path, releases
from repo_tools.rollouts.state import Catalog, order_in
from repo_tools.signed.views import View

_BOTH = "retire what hosts reach through it in the same command"


@dataclass(frozen=True)
class Retired:
    """What was staged."""

    versions: Sequence[str]
    left: int
    """How many releases stay live."""


def retire(desk: Desk, product: str, versions: Collection[str]) -> Retired:
    """Stage that releases are no longer listed.

    Raises:
        UnsuitableError: One of them is not live, or somebody needs it.
    """
    catalog, role = Catalog(desk, product), releases(product)
    digests = {version: catalog.entry(version).sha256 for version in versions}
    for version in versions:
        if not catalog.published(version):
            hint = f"tidegate unstage {role} takes back what was not published"
            raise UnsuitableError(f"{version} is only staged", hint)
    ordered, led = _ordered_here(desk, product, versions), _led(catalog, versions)
    if needed := led | ordered:
        text = "; ".join(f"{version}: {reason}" for version, reason in needed.items())
        raise UnsuitableError(f"still needed: {text}", "order something else first" if ordered else _BOTH)
    with desk.tree.edit(role) as draft:
        for path in desk.tree.view(role).entries:
            if any(path.startswith(release_path(product, version, "")) for version in versions):
                draft.drop(path)
        draft.remember_retired({**desk.tree.view(role).retired, **digests})
    return Retired(sorted(versions), len(catalog.versions) - len(digests))


def _ordered_here(desk: Desk, product: str, versions: Collection[str]) -> dict[str, str]:
    """Return by which order some of these releases cannot go: the first that names each."""
    found: dict[str, str] = {}
    for channel in desk.channels():
        for version, reason in _ordered(desk, channel) if channel.product == product else ():
            found.setdefault(version, reason)
    return {version: reason for version, reason in found.items() if version in versions}


def _led(catalog: Catalog, versions: Collection[str]) -> dict[str, str]:
    """Return through which of these releases hosts reach one that stays: the first that each leads to."""
    found: dict[str, str] = {}
    for version in sorted(catalog.versions - set(versions)):
        via = catalog.release(version).via
        if via and via.version in versions:
            found.setdefault(via.version, f"hosts reach {version} through it")
    return found


def _ordered(desk: Desk, channel: Channel) -> Iterator[tuple[str, str]]:
    """Yield every version that a route of a channel names, live or staged, and how it names it.

    What is live counts even where something newer is staged over it: nobody knows when that is published.
    """
    for role in desk.tree.view(channel.role).delegations:
        if role == channel.below(BRAKE):
            continue
        for view in (desk.tree.find(role), desk.tree.live_view(role)):
            for order in _orders(desk, view) if view else ():
                verb = "recalls to it" if order.recall else "orders it"
                yield order.version, f"{order.rollout} {verb} in {role}"
                if order.base:
                    yield order.base.version, f"it is the base in {role}"


def _orders(desk: Desk, view: View) -> Iterator[Order]:
    """Yield the different orders of a wave, or of selections that have not ended."""
    seen: set[str] = set()
    for entry in view.entries.values():
        order = order_in(entry)
        ended = order.wave == SELECTED and order.not_after is not None and order.not_after <= desk.now
        if not ended and repr(order) not in seen:
            seen.add(repr(order))
            yield order
