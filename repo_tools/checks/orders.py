"""Rules about what waves are ordered to run: would agents find it, take it, and agree about it?"""

from collections.abc import Iterator
from decimal import Decimal

from metadata import places
from metadata.fields import Pointer
from metadata.rules import MAX_VIAS
from metadata.versions import parse, within
from repo_tools.checks.facts import Facts, Finding, Level
from repo_tools.roles import SELECTED, release_path
from repo_tools.rollouts.refusals import leads_forward
from repo_tools.rollouts.state import State, closed, cut_spread

_LEAD = "add the release that leads there, with --via"
_PREPARE = "start the rollout again"
_FIRST = "tidegate unstage --all; then stage a rollout recall first, and this after it: they go out as one"
_SHOWN = "tidegate release list shows what is there"
_ANEW = "order something else there; tidegate log says who signed this, and key revoke takes a thief's key"
_PUT_BACK = "publish the policy that was live before once more; tidegate log says who signed this one"


def changed_document(facts: Facts) -> Iterator[Finding]:
    """A release that was ever published, or a file of it, has other content under the same version."""
    for role, after in facts.after.items():
        before = facts.before.get(role)
        if before is None or not role.endswith(".releases"):
            continue
        product = role.removesuffix(".releases")
        known = {release_path(product, version): digest for version, digest in before.retired.items()}
        known |= {path: entry.sha256 for path, entry in before.entries.items()}
        for path in known.keys() & after.entries.keys():
            if known[path] != after.entries[path].sha256:
                text = f"{path} changed after it was published: agents that saw it refuse it"
                yield Finding("error", "changed_document", role, text, "build it anew under a higher version")


def nowhere(facts: Facts) -> Iterator[Finding]:
    """A route that leads to no release, or to another document than the releases role names.

    A policy that was made for another channel leads nobody anywhere: every host refuses whatever is ordered.
    """
    for state in facts.channels:
        if (meant := (state.policy.product, state.policy.channel)) != _names(state):
            text = f"the policy of {state.channel} is for {'/'.join(meant)}: every host refuses it"
            yield Finding("error", "nowhere", state.channel.role, text, _PUT_BACK)
        for role, digest, order in facts.orders(state):
            if order.wave != role.rpartition(".")[2] or (order.product, order.channel) != _names(state):
                text = f"{role} carries an order for {order.product}/{order.channel}, wave {order.wave}"
                yield Finding("error", "nowhere", role, text, _PREPARE)
            yield from _listed(state, role, "order", Pointer(version=order.version, sha256=digest))
            if order.base:
                yield from _listed(state, role, "base", order.base)


def mixed_routes(facts: Facts) -> Iterator[Finding]:
    """Routes of one wave that differ, or a wave that answers on some of its routes only."""
    for state in facts.channels:
        for wave in state.waves:
            role = state.channel.below(wave.name)
            entries = facts.after[role].entries if role in facts.after else {}
            wanted = {state.channel.path(route) for route in wave.routes}
            if entries and entries.keys() != wanted:
                odd = sorted(entries.keys() ^ wanted)
                text = f"{role} and its delegation differ on {len(odd)} routes: {', '.join(odd[:3])}"
                yield Finding("error", "mixed_routes", role, text, _PREPARE)
            said = {(entry.sha256, repr(entry.custom)) for entry in entries.values()}
            if len(said) > 1:
                text = f"{role} says {len(said)} different things on its routes"
                yield Finding("error", "mixed_routes", role, text, _PREPARE)


def barriers(facts: Facts) -> Iterator[Finding]:
    """A release that hosts below its ``requires`` can never reach."""
    for state in facts.channels:
        for role, _digest, order in facts.orders(state):
            for version in {order.version, *([order.base.version] if order.base else [])}:
                text = _barrier(state, version) or (version == order.version and _stuck(facts, state, role))
                if text:
                    yield Finding("error", "barriers", role, text, _LEAD)


def spreads(facts: Facts) -> Iterator[Finding]:
    """A spread that is longer than its order starts hosts, or a new order that starts nobody at all."""
    for state in facts.channels:
        for role, _digest, order in facts.orders(state):
            starts = role in facts.staged and order.state == "go" and order != facts.known(role)
            if text := (starts and closed(order, facts.now)) or cut_spread(order):
                hint = "tidegate rollout resume opens it for another week"
                yield Finding("warning", "spreads", role, f"{role}: {text}", hint)


def recalls(facts: Facts) -> Iterator[Finding]:
    """A recall that cannot work: to what it withdraws, away from its own base, or newly and forward."""
    for state in facts.channels:
        for role, _digest, order in facts.orders(state):
            if order.recall is None:
                continue
            if within(order.version, order.recall.from_versions):
                text = f"{order.rollout} recalls {order.version} to itself"
                yield Finding("error", "recalls", role, text)
            if order.base and parse(order.base.version) > parse(order.version):
                text = f"{order.rollout} recalls to {order.version}, below its base {order.base.version}"
                yield Finding("error", "recalls", role, text)
            if order != facts.known(role) and leads_forward(state, order.version, order.recall):
                text = f"{order.rollout} recalls forward, to {order.version}"
                hint = f"tidegate rollout start {state.channel} {order.version} goes there wave by wave"
                yield Finding("error", "recalls", role, text, hint)


def bases(facts: Facts) -> Iterator[Finding]:
    """A base above what is ordered: hosts go there at once, past every brake, spread and window.

    A warning for selected hosts, who may be ordered below their base and do not go there, and where it is
    public and something else is published: nobody may be kept from the brake.
    """
    for state in facts.channels:
        picked = state.channel.below(SELECTED)
        orders = [(role, order) for role, _digest, order in facts.orders(state)]
        chosen = {order.rollout: (picked, order) for order in state.picked.values()}
        for role, order in [*orders, *chosen.values()]:
            if order.recall or order.base is None or parse(order.base.version) <= parse(order.version):
                continue
            known = facts.publishing and role not in facts.staged
            level: Level = "warning" if known or role == picked else "error"
            text = f"{role} orders {order.version} with the base {order.base.version}, where hosts go at once"
            yield Finding(level, "bases", role, text, _ANEW)


def paused(facts: Facts) -> Iterator[Finding]:
    """A wave that is to start a rollout which somebody paused meanwhile."""
    for state in facts.channels:
        orders = [wave.order for wave in state.waves if wave.order]
        held = {order.rollout: order.wave for order in orders if order.state == "hold"}
        for role, _digest, order in facts.orders(state):
            known = facts.known(role)
            widened = role in facts.staged and (known is None or known.rollout != order.rollout)
            if widened and order.state == "go" and order.rollout in held:
                text = f"{role} would start {order.rollout}, which is paused in {held[order.rollout]}"
                hint = f"tidegate unstage {role}; after tidegate rollout resume, promote again"
                yield Finding("error", "paused", role, text, hint)


def withdrawn(facts: Facts) -> Iterator[Finding]:
    """A wave is ordered to run what its own policy forbids."""
    for state in facts.channels:
        for role, _digest, order in facts.orders(state):
            for version in {order.version, *([order.base.version] if order.base else [])}:
                reason = _withdrawn(state, version)
                if reason:
                    text = f"{role} orders {version}, which agents refuse: {reason}"
                    yield Finding("warning", "withdrawn", role, text, "start or recall to another release")


def shares(facts: Facts) -> Iterator[Finding]:
    """The percentages in the policy are not what the delegations say."""
    for state in facts.channels:
        percents = {share.name: share.percent for share in state.policy.waves}
        if list(percents) != [wave.name for wave in state.waves]:
            text = f"the policy of {state.channel} names other waves than the delegations"
            yield Finding("error", "shares", state.channel.role, text)
            continue
        reached = Decimal(0)
        for wave in state.waves[:-1]:
            prefixes = [route for route in wave.routes if len(route) <= places.MAX_PREFIX_DIGITS]
            reached += sum((Decimal(100) / 16 ** len(route) for route in prefixes), Decimal(0))
            if abs(reached - Decimal(percents[wave.name])) > _COARSE:
                text = f"{wave.name} reaches {reached:.2f} %, the policy says {percents[wave.name]} %"
                yield Finding("error", "shares", state.channel.role, text)


_COARSE = Decimal(100) / 4096
"""The coarsest division of a fleet, in percent."""


def _names(state: State) -> tuple[str, str]:
    return state.channel.product, state.channel.name


def _listed(state: State, role: str, what: str, pointer: Pointer) -> Iterator[Finding]:
    if pointer.version not in state.catalog.versions:
        text = f"{role}: its {what} {pointer.version} is no live release"
        gone = pointer.version in state.catalog.ever
        yield Finding("error", "nowhere", role, text, _FIRST if gone else _SHOWN)
    elif state.catalog.entry(pointer.version).sha256 != pointer.sha256:
        text = f"{role}: its {what} {pointer.version} names another document than the releases role"
        yield Finding("error", "nowhere", role, text, _PREPARE)


def _barrier(state: State, version: str) -> str:
    """Return what is wrong with the way to a version, or nothing."""
    known, seen = state.catalog.versions, [version]
    while version in known:
        release = state.catalog.release(version)
        if release.requires is None:
            return ""
        if release.via is None:
            return ""  # a first install or an update from within the range still works
        if not within(release.via.version, release.requires):
            return f"{version} requires {release.requires}, but leads through {release.via.version}"
        if release.via.version in seen or len(seen) > MAX_VIAS:
            return f"the way to {seen[0]} is a loop or too long: {' <- '.join(seen)}"
        if release.via.version not in known:
            return f"{version} leads through {release.via.version}, which is no live release"
        if state.catalog.entry(release.via.version).sha256 != release.via.sha256:
            return f"{version} leads through another document of {release.via.version}"
        version = release.via.version
        seen.append(version)
    return ""


def _stuck(facts: Facts, state: State, role: str) -> str:
    """Return why the hosts of a wave cannot take what it is newly ordered to run, or nothing."""
    wave = next(found for found in state.waves if state.channel.below(found.name) == role)
    before = facts.known(role)
    order = wave.order
    if order is None or before is None or before.version == order.version:
        return ""
    known = [before.version, *([order.base.version] if order.base else [])]
    if any(_enters(state, order.version, version) for version in known):
        return ""
    requires = state.catalog.release(order.version).requires
    runs = " or ".join(dict.fromkeys(known))
    return f"{role} runs {runs}, and {order.version} requires {requires}: its hosts would be stuck"


def _enters(state: State, version: str, running: str) -> bool:
    """Return whether a host that runs one version may go to another, through what leads there."""
    for _ in range(MAX_VIAS):
        if version not in state.catalog.versions:
            return True  # said by another rule
        release = state.catalog.release(version)
        if release.requires is None or within(running, release.requires):
            return True
        if release.via is None:
            return False
        version = release.via.version
    return False


def _withdrawn(state: State, version: str) -> str:
    if entry := state.policy.revocation(version):
        return f"revoked: {entry.reason or 'no reason given'}"
    if version in state.catalog.versions:
        seq = state.catalog.release(version).seq
        if seq < state.policy.floor_seq:
            return f"number {seq} is below the floor {state.policy.floor_seq}"
    return ""
