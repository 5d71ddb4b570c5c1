"""What is to be founded: waves, keys, and who may sign which paths. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metadata import places
from metadata.errors import UsageError
from repo_tools.keys.folder import KeyFile
from repo_tools.keys.people import check_people
from repo_tools.roles import BRAKE, FLEET, ONLINE, SELECTED, Channel, releases
from repo_tools.signed.founding import Trust
from repo_tools.waves.said import Said, ascending


@dataclass(frozen=True)
class WavePlan:
    """One wave: a cumulative percentage, and hosts that are counted into it by name."""

    name: str
    percent: str
    hosts: tuple[str, ...] = ()
    count: int | None = None
    """So many hosts are to be counted into it, once there are any."""


@dataclass(frozen=True)
class Plan:
    """What is to be founded."""

    channel: Channel
    waves: tuple[WavePlan, ...]
    solo: bool = False
    rings: tuple[str, ...] = ()
    """Rings of the first wave."""
    digits: int = 3
    """Resolution of percentages: 3 for shares of 4,096, 4 for shares of 65,536."""

    poll_s: int = 900
    """How often agents ask."""
    given: Mapping[str, tuple[KeyFile, ...]] = field(default_factory=dict)
    """Keys that exist already, by the group of roles that they serve."""
    needs: Mapping[str, int] = field(default_factory=dict)
    """How many signatures a group needs, where that is not the usual number."""

    def routes(self) -> list[list[str]]:
        """Return the routes of each wave; the last one has the default route."""
        prefixes = places.wave_routes([wave.percent for wave in self.waves], self.digits)
        own = [[places.own_digits(host) for host in wave.hosts] for wave in self.waves]
        rings = [[f"ring-{ring}" for ring in self.rings], *([] for _ in self.waves[1:])]
        return [a + b + c for a, b, c in zip(own, rings, prefixes, strict=True)]

    def thresholds(self) -> Mapping[str, int]:
        """Return how many signatures each kind of role needs."""
        few = 1 if self.solo else 2
        usual = {"root": few, "releases": few, "rollouts": few, "online": 1}
        return {**usual, **self.needs, "one": 1}


def wave_plans(waves: Sequence[Said]) -> tuple[WavePlan, ...]:
    """Return the waves that were said, in their order.

    Raises:
        UsageError: They do not make sense together.
    """
    pairs = zip(waves, ascending(waves), strict=True)
    return tuple(WavePlan(wave.name, percent, wave.hosts, wave.count) for wave, percent in pairs)


GROUPS = ("root", "releases", "rollouts", "online")
"""Roles that have their keys in common when a repository is founded."""


def check_keys(plan: Plan, reused: Mapping[str, KeyFile]) -> None:
    """Refuse thresholds that the keys will not meet, and keys that one thief would have twice.

    Args:
        plan: What is to be founded.
        reused: Keys of the usual names that exist already.

    Raises:
        UsageError: It says what is missing.
    """
    usual = key_names(plan.solo)
    for group, need in plan.thresholds().items():
        have = len({key.keyid for key in plan.given.get(group, ())}) or len(usual.get(group, ()))
        if group in GROUPS and have < need:
            hint = f"name more with --key {group}=…, or say --threshold {group}={have} if you mean it"
            raise UsageError(f"{group} needs {need} signatures and has keys for {have}", hint)
    known = {group: [reused[name] for name in usual[group] if name in reused] for group in GROUPS}
    keys = {group: plan.given.get(group) or known[group] for group in GROUPS}
    check_people({"root": keys["root"], ".releases": keys["releases"], "rollouts": keys["rollouts"]})


def key_names(solo: bool) -> dict[str, list[str]]:
    """Return the names of the keys that each group of roles is founded with."""
    if solo:
        return {group: [group] for group in ("root", "releases", "rollouts", "online")}
    return {
        "root": ["root-1", "root-2", "root-3"],
        "releases": ["releases-1", "releases-2"],
        "rollouts": ["rollouts-1", "rollouts-2"],
        "online": ["online"],
    }


def trusts(plan: Plan, keys: Mapping[str, Sequence[KeyFile]]) -> dict[str, Trust]:
    """Return who may sign which role, in the order in which clients search."""
    need = plan.thresholds()
    made = {role: Trust(keys["online"], need["online"]) for role in ONLINE}
    made |= {role: Trust(keys["root"], need["root"]) for role in ("root", "targets")}
    made |= {**product_trusts(plan, keys), **channel_trusts(plan, keys)}
    made[FLEET] = Trust(keys["rollouts"], need["one"], [f"{FLEET}/*"])
    return made


def product_trusts(plan: Plan, keys: Mapping[str, Sequence[KeyFile]]) -> dict[str, Trust]:
    """Return who may sign a product's releases."""
    product = plan.channel.product
    paths = [f"releases/{product}/*/*"]
    return {releases(product): Trust(keys["releases"], plan.thresholds()["releases"], paths)}


def channel_trusts(plan: Plan, keys: Mapping[str, Sequence[KeyFile]]) -> dict[str, Trust]:
    """Return who may sign a channel and the roles below it, in the order in which clients search."""
    channel, need = plan.channel, plan.thresholds()
    everybody, people = [*keys["rollouts"], *keys["online"]], keys["rollouts"]
    made = {channel.role: Trust(people, need["rollouts"], [channel.path("*")])}
    made[channel.below(BRAKE)] = Trust(everybody, need["one"], [channel.path(BRAKE)])
    picks = channel.path(f"pick-{'?' * places.PICK_DIGITS}")
    made[channel.below(SELECTED)] = Trust(people, need["rollouts"], [picks])
    last = plan.waves[-1].name
    for wave, routes in zip(plan.waves, plan.routes(), strict=True):
        threshold = need["rollouts"] if wave.name == last else need["one"]
        made[channel.below(wave.name)] = Trust(people, threshold, [channel.path(route) for route in routes])
    return made
