"""From a refreshed repository to the facts of one decision: policy, order, brake, releases.

An agent asks for its own routes only. Only "no such target" moves on to the next route; any error ends
the look-up, so that a withheld file cannot move an agent to another wave.
"""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

import msgspec

from agent.journal import Journal
from agent.repository import OWNER_HINT, Repository, Target
from metadata import places
from metadata.documents import Brake, Order, Policy
from metadata.errors import MalformedError, UnsuitableError, UntrustedError
from metadata.facts import Directed, Host, Releases
from metadata.release import Release
from metadata.rules import MAX_VIAS
from metadata.strict import MAX_BYTES, convert, decode

D = TypeVar("D", Policy, Brake)


class Facts(msgspec.Struct, frozen=True):
    """What the repository says to this host about one product."""

    policy: Policy
    directed: Directed | None
    brake: Brake
    releases: Releases
    issued: datetime | None
    route: str | None
    bodies: dict[str, tuple[str, bytes]] = {}
    """Release documents read: version to digest and bytes."""


def resolve(repository: Repository, host: Host, journal: Journal, now: datetime) -> Facts:
    """Return the signed facts for a product on this host.

    Raises:
        UnsuitableError: The repository has no such channel.
        UntrustedError: Something is older than what this host has seen.
        MalformedError: A document cannot be read.
    """
    base = f"rollout/{host.product}/{host.channel}"
    found = repository.find(f"{base}/policy")
    if found is None:
        hint = "check product and channel in the settings"
        raise UnsuitableError(f"the repository has no channel {host.product}/{host.channel}", hint)
    policy = _decoded(repository, found, Policy)
    target, directed = _order(repository, base, policy, host, now)
    braking = repository.find(f"{base}/brake")
    brake = _decoded(repository, braking, Brake) if braking else Brake()
    policy = _remember(repository, journal, policy, f"{host.product}.{host.channel}", directed)
    releases, bodies = _releases(repository, host, directed, journal)
    route = target.path.rpartition("/")[2] if target else None
    return Facts(policy, directed, brake, releases, repository.issued, route, bodies)


def _document(repository: Repository, target: Target) -> bytes:
    if target.length > MAX_BYTES:
        raise MalformedError(f"{target.path} is longer than {MAX_BYTES:,} bytes", OWNER_HINT)
    return repository.read(target)


def _decoded(repository: Repository, target: Target, kind: type[D]) -> D:
    with _hinted():
        return decode(_document(repository, target), kind)


@contextlib.contextmanager
def _hinted() -> Iterator[None]:
    """Say what to do about a document that cannot be read, where its error does not."""
    try:
        yield
    except MalformedError as error:
        error.hint = error.hint or OWNER_HINT
        raise


def _order(
    repository: Repository, base: str, policy: Policy, host: Host, now: datetime
) -> tuple[Target | None, Directed | None]:
    for route in places.routes(policy.salt, host.agent_id, host.ring, cohort_id=host.cohort_id):
        target = repository.find(f"{base}/{route}")
        if target is None:
            continue
        order = _read_order(target)
        past = order.not_after is not None and now >= order.not_after
        if past and route == places.pick_route(host.agent_id):
            continue  # a batch that is over leaves the host to its wave
        return target, Directed(order, _wave(base, target.role), target.sha256)
    return None, None


def _wave(base: str, role: str) -> str:
    """Return the wave that a role speaks for; other roles keep a name that no order can claim."""
    prefix = base.removeprefix("rollout/").replace("/", ".") + "."
    return role.removeprefix(prefix) if role.startswith(prefix) else f"({role})"


def _read_order(target: Target) -> Order:
    said = target.custom.get("tidegate")
    if said is None:
        raise MalformedError(f"{target.path} carries no order", OWNER_HINT)
    if len(msgspec.json.encode(said)) > MAX_BYTES:
        raise MalformedError(f"the order of {target.path} is longer than {MAX_BYTES:,} bytes", OWNER_HINT)
    with _hinted():
        return convert(said, Order)


def _releases(
    repository: Repository, host: Host, directed: Directed | None, journal: Journal
) -> tuple[Releases, dict[str, tuple[str, bytes]]]:
    """Read the documents that a decision may ask for: order, base, what runs, and the chain of barriers."""
    if directed is None:
        return Releases({}, {}), {}
    order = directed.order
    wanted = [order.version, order.base.version if order.base else None, host.running]
    bodies: dict[str, tuple[str, bytes]] = {}
    documents: dict[str, Release] = {}
    for version in wanted:  # grows while it is read
        if version is None or version in documents:
            continue
        target = repository.find(release_path(host.product, version))
        if target is None or target.role != f"{host.product}.releases":
            continue
        body = _document(repository, target)
        with _hinted():
            documents[version] = decode(body, Release)
        bodies[version] = (target.sha256, body)
        if (via := documents[version].via) and len(wanted) < 3 + MAX_VIAS:
            wanted.append(via.version)
    digests = _listing(repository, host.product) if bodies else {}
    kept = journal.document(host.product, host.running) if host.running else None
    if host.running and host.running not in documents and kept:
        documents[host.running] = decode(kept, Release)
    return Releases(digests, documents), bodies


def _listing(repository: Repository, product: str) -> dict[str, str]:
    listed = repository.listing(f"{product}.releases")
    parts = {path: path.split("/") for path in listed}
    return {
        part[2]: listed[path]
        for path, part in parts.items()
        if len(part) == 4 and part[:2] == ["releases", product] and part[3] == "release.json"
    }


def release_path(product: str, version: str) -> str:
    """Return the target path of a release document."""
    return f"releases/{product}/{version}/release.json"


def _remember(
    repository: Repository, journal: Journal, policy: Policy, channel: str, directed: Directed | None
) -> Policy:
    """Compare with what this host has seen, outside of the cache, and keep the newer.

    Wiping or restoring the TUF cache must not bring back an old timestamp, order or policy; versions are
    forgotten only when the role's keys changed, which is how a stolen key is recovered from.
    """
    pairs = [(channel, "targets")]
    if directed is not None and "(" not in directed.wave and "." not in directed.wave:
        pairs.append((f"{channel}.{directed.wave}", channel))
    seen = repository.versions(*pairs)
    for role, now_seen in seen.items():
        before = journal.recall(f"role/{role}")
        if before and before["keys"] == now_seen["keys"] and now_seen["version"] < before["version"]:
            text = f"{role} is version {now_seen['version']}; this host has seen {before['version']}"
            raise UntrustedError(text, "a mirror serves old metadata, or the cache was restored from a copy")
    floor_key = f"floor/{channel}"
    floor = max(policy.floor_seq, journal.recall(floor_key, 0))
    journal.remember({f"role/{role}": value for role, value in seen.items()} | {floor_key: floor})
    return msgspec.structs.replace(policy, floor_seq=floor)
