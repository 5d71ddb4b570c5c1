"""A channel as its signed documents describe it."""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import count

from metadata import strict
from metadata.documents import Brake, Order, Policy
from metadata.errors import TidegateError, UnsuitableError
from metadata.fields import Pointer
from metadata.places import PICK_DIGITS
from metadata.release import Release
from metadata.versions import within
from repo_tools.desk import Desk
from repo_tools.output import span, when
from repo_tools.roles import BRAKE, NOT_WAVES, POLICY, SELECTED, Channel, release_path, releases
from repo_tools.signed.views import Entry, View


@dataclass(frozen=True)
class Wave:
    """One wave: its routes and what it is ordered to run."""

    name: str
    routes: tuple[str, ...]
    order: Order | None
    document: Entry | None
    """The release document, as the wave's routes name it."""


@dataclass(frozen=True)
class State:
    """Everything that new orders are made from."""

    channel: Channel
    policy: Policy
    brake: Brake
    waves: tuple[Wave, ...]
    catalog: "Catalog"
    picked: Mapping[str, Order] = field(default_factory=dict)
    """The orders of hosts that were selected one by one, by their routes."""
    replaced: Collection[str] = ()
    """The rollouts that hosts follow where something else is staged over them."""

    @property
    def newest(self) -> str | None:
        """The id of the newest rollout; None before the first."""
        ids = [wave.order.rollout for wave in self.waves if wave.order]
        return max(ids, key=number, default=None)

    @property
    def inhabited(self) -> list[Wave]:
        """The waves that have a way to a host; others wait until hosts are counted into them."""
        return [wave for wave in self.waves if wave.routes]

    def in_rollout(self, rollout: str) -> list[Wave]:
        """Return the waves that a rollout has reached, in their order."""
        return [wave for wave in self.waves if wave.order and wave.order.rollout == rollout]

    @property
    def next_id(self) -> str:
        """The id of the next rollout: above those that are ordered, and none that hosts or the brake know."""
        ids = [self.newest or "", *(order.rollout for order in self.picked.values())]
        following = (f"{self.channel.name}-{one:04d}" for one in count(max(map(number, ids)) + 1))
        taken = {*self.replaced, *(entry.rollout for entry in self.brake.hold)}
        return next(one for one in following if one not in taken)


class Catalog:
    """A product's live and staged releases; documents are read when they are asked for."""

    def __init__(self, desk: Desk, product: str) -> None:
        self._desk = desk
        self.product = product
        self._documents: dict[str, Release] = {}

    @cached_property
    def _view(self) -> View:
        return self._desk.tree.view(releases(self.product))

    def entry(self, version: str) -> Entry:
        """Return the entry of a release document.

        Raises:
            UnsuitableError: There is no such release.
        """
        found = self._view.entries.get(release_path(self.product, version))
        if found is None:
            if self.published(version):
                hint = f"tidegate unstage {releases(self.product)} takes that back"
                raise UnsuitableError(f"the retirement of {version} is staged", hint)
            hint = "tidegate release list shows what is there; a new one comes in with tidegate release add"
            raise UnsuitableError(f"there is no release {version} of {self.product}", hint)
        return found

    def release(self, version: str) -> Release:
        """Return a release document."""
        if version not in self._documents:
            data = self._desk.contents.read(self.entry(version))
            self._documents[version] = strict.decode(data, Release, refuse_unknown=True)
        return self._documents[version]

    def length(self, path: str) -> int:
        """Return the bytes of a release's file; 0 for one that is not listed."""
        found = self._view.entries.get(path)
        return found.length if found else 0

    @cached_property
    def versions(self) -> frozenset[str]:
        """All versions."""
        return _versions(self._view)

    @property
    def ever(self) -> frozenset[str]:
        """All versions, also those that were retired: hosts may still run them."""
        return self.versions.union(self._view.retired)

    @property
    def ever_public(self) -> frozenset[str]:
        """The versions that hosts may run: live ones, and those that were retired."""
        live = self._desk.tree.live_view(releases(self.product))
        return _versions(live).union(live.retired) if live else frozenset()

    @property
    def public_versions(self) -> frozenset[str]:
        """The live ones."""
        live = self._desk.tree.live_view(releases(self.product))
        return _versions(live) if live else frozenset()

    def published(self, version: str) -> bool:
        """Return whether a version is live, and not only staged."""
        live = self._desk.tree.live_view(releases(self.product))
        return live is not None and release_path(self.product, version) in live.entries

    def pointer(self, version: str) -> Pointer:
        """Return a version with its document's digest."""
        return Pointer(version=version, sha256=self.entry(version).sha256)


def _versions(found: View) -> frozenset[str]:
    parts = [path.split("/") for path in found.entries]
    return frozenset(version for _, _, version, name in parts if name == "release.json")


def number(rollout: str) -> int:
    """Return the counting part of a rollout's id; 0 when it has none."""
    tail = rollout.rpartition("-")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else 0


def read_state(desk: Desk, channel: Channel) -> State:
    """Return a channel's state, staged over live."""
    top, policy = desk.tree.view(channel.role), read_policy(desk, channel)
    roles = [name.rpartition(".")[2] for name in top.delegations]
    waves = tuple(_wave(desk, channel, top, name) for name in roles if name not in NOT_WAVES)
    catalog = Catalog(desk, channel.product)
    brake, picked = read_brake(desk, channel), _picked(desk, channel)
    return State(channel, policy, brake, waves, catalog, picked, _replaced(desk, channel))


def read_policy(desk: Desk, channel: Channel) -> Policy:
    """Return what a channel says to all its agents.

    Raises:
        UnsuitableError: Nothing.
    """
    entry = desk.tree.view(channel.role).entries.get(channel.path(POLICY))
    if entry is None:
        raise UnsuitableError(f"{channel.role} lists no policy: no agent can follow it")
    return strict.decode(desk.contents.read(entry), Policy, refuse_unknown=True)


def _picked(desk: Desk, channel: Channel) -> dict[str, Order]:
    found = desk.tree.find(channel.below(SELECTED))
    entries = found.entries.items() if found else ()
    return {path.rpartition("/")[2]: order_in(entry) for path, entry in entries}


def _replaced(desk: Desk, channel: Channel) -> set[str]:
    """Return the live rollouts of roles that are staged; what a thief wrote may be no order."""
    roles = set(desk.tree.view(channel.role).delegations) & set(desk.tree.staged()) - {channel.below(BRAKE)}
    found = set()
    for view in (desk.tree.live_view(role) for role in roles):
        with contextlib.suppress(TidegateError):
            found |= {order_in(entry).rollout for entry in view.entries.values()} if view else set()
    return found


def ordered_rollouts(desk: Desk, channel: Channel) -> list[str]:
    """Return the rollouts that waves and selections are ordered to follow, live or staged, oldest first.

    What is live counts even where something newer is staged over it: hosts follow it until that is published.
    """
    top = desk.tree.view(channel.role).delegations
    roles = [role for role in top if role != channel.below(BRAKE)]
    views = [found for role in roles for found in (desk.tree.find(role), desk.tree.live_view(role)) if found]
    ids = {order_in(entry).rollout for found in views for entry in found.entries.values()}
    return sorted(ids, key=lambda rollout: (number(rollout), rollout))


def live_orders(desk: Desk, state: State) -> dict[str, Order]:
    """Return what waves are ordered to run as hosts read it, whatever is staged."""
    views = {wave.name: desk.tree.live_view(state.channel.below(wave.name)) for wave in state.waves}
    return {
        name: order_in(next(iter(view.entries.values())))
        for name, view in views.items()
        if view and view.entries
    }


def read_brake(desk: Desk, channel: Channel) -> Brake:
    """Return a channel's brake; an empty one when there is none."""
    found = desk.tree.find(channel.below(BRAKE))
    entry = found.entries.get(channel.path(BRAKE)) if found else None
    return strict.decode(desk.contents.read(entry), Brake, refuse_unknown=True) if entry else Brake()


def held_by(brake: Brake, order: Order) -> bool:
    """Return whether a brake keeps hosts from starting by an order."""
    return brake.holds_rollout(order.rollout) or brake.holds_version(order.version)


def order_in(entry: Entry) -> Order:
    """Return the order in a route's entry."""
    custom = entry.custom if isinstance(entry.custom, dict) else {}
    return strict.convert(custom.get("tidegate"), Order, refuse_unknown=True)


def opened(order: Order) -> datetime:
    """Return from when on the hosts of an order could start."""
    assert order.not_before is not None  # every order that is made here says it
    return order.not_before


def cut_spread(order: Order) -> str:
    """Return what is wrong with an order that ends before its spread does; nothing for any other."""
    if order.not_before is None or order.not_after is None:
        return ""
    open_s = max(0, int((order.not_after - order.not_before).total_seconds()))
    if order.spread_s <= open_s:
        return ""
    spread, ends = span(order.spread_s), span(open_s)
    return f"hosts start over {spread}, and none may start after {ends}: the last never would"


def is_own(route: str) -> bool:
    """Return whether a route is a single host's, which is in a wave by name."""
    return len(route) == PICK_DIGITS and not route.startswith("ring-")


def complete(order: Order) -> bool:
    """Return whether an order's rollout is complete: its version is the base, and it has no end."""
    return (
        order.base is not None
        and order.base.version == order.version
        and order.not_after is None
        and order.recall is None
    )


def leading_to(state: State, versions: str) -> list[Order]:
    """Return the orders of waves that lead to a range of versions, and are not complete there."""
    orders = [wave.order for wave in state.inhabited if wave.order]
    return [order for order in orders if not complete(order) and within(order.version, versions)]


def closed(order: Order, now: datetime) -> str:
    """Return why no host could start by an order, now or later; nothing when one could."""
    if order.not_after is None or order.not_after > max(order.not_before or now, now):
        return ""
    return f"the order ends at {when(order.not_after)}, before any host could start"


def has_ended(order: Order, now: datetime) -> bool:
    """Return whether an order that goes on starts no host any more: hosts call it closed."""
    return order.state == "go" and order.not_after is not None and order.not_after <= now


def _wave(desk: Desk, channel: Channel, top: View, name: str) -> Wave:
    role = channel.below(name)
    routes = tuple(path.rpartition("/")[2] for path in top.delegations[role].paths)
    entry = next(iter(desk.tree.view(role).entries.values()), None)
    return Wave(name, routes, order_in(entry) if entry else None, entry)
