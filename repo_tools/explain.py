"""Why an agent does what it does: its place, its wave, its order, and the decision, from what is live.

The same pure ``decide`` that agents call; what only the host knows is assumed, and named as such.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from metadata import places
from metadata.decide import decide
from metadata.documents import Order
from metadata.facts import Decision, Directed, Host, Releases
from metadata.places import SELECTED_WAVE
from repo_tools.desk import Desk
from repo_tools.output import counted, when
from repo_tools.roles import BRAKE, SELECTED, Channel, releases
from repo_tools.rollouts.state import Catalog, State, order_in, read_state
from repo_tools.signed.reading import issued
from repo_tools.signed.views import Entry


@dataclass(frozen=True)
class Explained:
    """What an agent sees, and what it does."""

    place: str
    fraction: float
    asked: list[str]
    """The routes it asks for, in order, down to the one that answers."""
    route: str | None
    directed: Directed | None
    decision: Decision
    issued: datetime | None
    """When what it sees was signed."""


def explain(desk: Desk, channel: Channel, host: Host, now: datetime) -> Explained:
    """Return what an agent decides by what is live on a desk."""
    state = read_state(desk, channel)
    asked = places.routes(state.policy.salt, host.agent_id, host.ring, cohort_id=host.cohort_id)
    route, directed = resolve(desk, state, asked, now)
    known = documents(state.catalog, directed.order if directed else None, host.running)
    issued = _issued(desk)
    decision = decide(host, state.policy, directed, state.brake, known, issued, now)
    tried = asked[: asked.index(route) + 1] if route else asked
    if late := _expired(desk, state, tried, directed, now):
        decision = _kept(late, decision.version)
    here = places.place(state.policy.salt, host.placed_id)
    return Explained(here, places.fraction(here), tried, route, directed, decision, issued)


def _expired(
    desk: Desk, state: State, tried: list[str], directed: Directed | None, now: datetime
) -> dict[str, datetime]:
    """Return the roles that an agent reads on its way and that had expired, with their dates.

    TUF clients trust no role from its expiry on (specification 5.3.10, 5.4.4, 5.5.6 and 5.6.6).
    """
    channel = state.channel
    waves = [wave.name for wave in state.waves if set(tried) & set(wave.routes)]
    below = [channel.below(name) for name in (*waves, SELECTED, BRAKE)]
    read = ["root", "targets", channel.role, *below, *([releases(channel.product)] if directed else [])]
    found = {role: view.expires_at for role in read if (view := desk.tree.live_view(role))}
    for role, signed in (("timestamp", desk.live.timestamp), ("snapshot", desk.live.snapshot)):
        if signed:
            found[role] = signed.expires
    return {role: at for role, at in sorted(found.items(), key=lambda item: item[1]) if at <= now}


def _kept(late: Mapping[str, datetime], version: str | None) -> Decision:
    told = ", ".join(f"{role} expired at {when(at)}" for role, at in late.items())
    return Decision("stay", "expired", f"{told}: nothing is started, what runs is left alone", version)


def resolve(desk: Desk, state: State, asked: list[str], now: datetime) -> tuple[str | None, Directed | None]:
    """Return the first route that exists, and the order on it; a selection past its end falls through."""
    for route in asked:
        found = _answer(desk, state, route)
        if found is None:
            continue
        wave, entry = found
        order = order_in(entry)
        if wave == SELECTED_WAVE and order.not_after and now >= order.not_after:
            continue
        return route, Directed(order, wave, entry.sha256)
    return None, None


def documents(catalog: Catalog, order: Order | None, running: str | None) -> Releases:
    """Return the releases that a decision about an order may ask for."""
    digests = {version: catalog.entry(version).sha256 for version in catalog.versions}
    wanted = [order.version, *([order.base.version] if order.base else [])] if order else []
    found = {}
    for version in [*wanted, *([running] if running else [])]:
        following: str | None = version
        while following in digests and following not in found:
            found[following] = catalog.release(following)
            via = found[following].via
            following = via.version if via else None
    return Releases(digests, found)


def _answer(desk: Desk, state: State, route: str) -> tuple[str, Entry] | None:
    path = state.channel.path(route)
    roles = (
        [SELECTED]
        if route.startswith("pick-")
        else [wave.name for wave in state.waves if route in wave.routes]
    )
    for name in roles[:1]:
        entry = desk.tree.view(state.channel.below(name)).entries.get(path)
        return (name, entry) if entry else None
    return None


def _issued(desk: Desk) -> datetime | None:
    return issued(desk.live.timestamp) if desk.live.timestamp else None


def local_facts(host: Host) -> dict[str, str]:
    """Return what only the host knows, in words, by the name of the option that says otherwise."""
    many = counted(len(host.windows), "maintenance window")
    windows = f"{many} in {host.zone}" if host.windows else "no windows"
    return {
        "running": f"it runs {host.running}" if host.running else "it runs nothing yet",
        "platform": f"its platform is {host.platform}",
        "ring": f"its token carries ring {host.ring}" if host.ring else "no ring",
        "cohort_id": f"it takes the place of cohort {host.cohort_id}" if host.cohort_id else "no cohort",
        "pin": f"it is pinned to {host.pin}" if host.pin else "no pin",
        "window": windows,
        "quarantine": "it gave up what you say" if host.quarantine else "nothing in quarantine",
    }


def highest_seq(desk: Desk, channel: Channel, running: str | None) -> int:
    """Return the number of what runs, which is the highest that a host committed if it never went back."""
    catalog = Catalog(desk, channel.product)
    return catalog.release(running).seq if running in catalog.versions else 0


def given_up(desk: Desk, channel: Channel, versions: Collection[str], platform: str) -> dict[str, int]:
    """Return the quarantine of a host that gave up some versions, whatever orders allow again later.

    Raises:
        UnsuitableError: There is no such release.
    """
    catalog = Catalog(desk, channel.product)
    found = (catalog.release(version).artifact_for(platform) for version in versions)
    return {artifact.payload_sha256: 0 for artifact in found if artifact}
