"""Wild worlds to ask the decision in: the plain one with a few changes anywhere, up to absurd ones.

They come from seeded chance and not from a search, so that each kind is as frequent as it must be to try
every rule often, and so that ten thousand take a second.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

from msgspec import structs

from metadata.documents import Brake, Held, Recall, Revoked
from metadata.facts import Releases
from metadata.fields import MAX_INTEGER, Pointer
from metadata.windows import Window
from tests.metadata.given import (
    HOST,
    LIVE,
    NOON,
    POLICY,
    VERSIONS,
    ZONES,
    World,
    an_order,
    digest,
    listed,
    release,
)

RANGES = ("<2", "<=1.5.0", ">=1.4,<1.5", "==1.5.0", "~=1.4.0", ">=1.0,<=2.0.0")
ENDS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
Draw = Callable[[Random], Any]


def moment(chance: Random) -> datetime:
    """Return a moment around noon, or at an end of the calendar."""
    if chance.random() < 0.15:
        return chance.choice(ENDS)
    return NOON + timedelta(seconds=chance.randint(-200_000, 200_000))


def count(chance: Random) -> int:
    """Return a small number, or one up to the largest integer."""
    return chance.choice([0, 1, chance.randint(0, 9), chance.randint(0, MAX_INTEGER), MAX_INTEGER])


def version(chance: Random) -> str:
    """Return one of the versions."""
    return chance.choice(VERSIONS)


def pointer(chance: Random) -> Pointer:
    """Return a pointer to one of the versions, with its digest."""
    to = version(chance)
    return Pointer(version=to, sha256=digest(to))


def window(chance: Random) -> Window:
    """Return any window."""
    days = frozenset(chance.sample(range(7), chance.randint(1, 7)))
    return Window(days, time(chance.randrange(24), chance.randrange(60)), chance.randint(1, 24 * 60))


def recall(chance: Random) -> Recall:
    """Return a recall of a range that often covers something."""
    return Recall(from_versions=chance.choice(RANGES), until=chance.choice([None, moment(chance)]))


def releases(seed: int) -> Releases:
    """Return releases in any order of ``seq``, some gone, barriers that may loop or lead nowhere."""
    chance = Random(seed)
    found = []
    for one, seq in zip(VERSIONS, chance.sample(range(1, 8), 7), strict=True):
        requires = chance.choice([None, None, *RANGES])
        via = pointer(chance) if requires and chance.random() < 0.8 else None
        found.append(release(one, seq, requires=requires, via=via))
    return listed(*chance.sample(found, chance.randint(5, 7)))


CATALOGUES = [LIVE, LIVE, *(releases(seed) for seed in range(40))]
ORDERS: dict[str, Draw] = {
    "product": lambda _: "other",
    "wave": lambda _: "canary",
    "state": lambda _: "hold",
    "base": pointer,
    "not_before": moment,
    "spread_s": count,
    "not_after": moment,
    "urgent": lambda _: True,
    "retry": count,
    "recall": recall,
}
BRAKES: dict[str, Draw] = {
    "hold": lambda chance: (
        [Held(rollout="stable-0001")] if chance.random() < 0.3 else [Held(version=version(chance))]
    ),
    "since": moment,
}
POLICIES: dict[str, Draw] = {
    "channel": lambda _: "beta",
    "salt": lambda chance: chance.choice(["", "7f3a", "sålt"]),
    "floor_seq": lambda chance: chance.choice([chance.randint(0, 8), count(chance)]),
    "revoked": lambda chance: [Revoked(version=version(chance)), Revoked(version=version(chance))],
    "pins_yield": lambda _: False,
    "allow_now": lambda _: True,
    "fresh_s": count,
}
HOSTS: dict[str, Draw] = {
    "agent_id": lambda chance: f"host-{chance.random()}",
    "platform": lambda _: "darwin-arm64",
    "running": lambda _: None,
    "stranded": lambda _: True,
    "hurried": lambda _: True,
    "highest_seq": lambda chance: chance.choice([chance.randint(0, 8), count(chance)]),
    "pin": lambda chance: chance.choice(RANGES),
    "windows": lambda chance: tuple(window(chance) for _ in range(chance.randint(1, 2))),
    "zone": lambda chance: chance.choice(ZONES),
    "quarantine": lambda chance: {
        digest(f"payload {one}"): count(chance) for one in chance.sample(VERSIONS, 3)
    },
    "known": lambda chance: dict.fromkeys(chance.sample(VERSIONS, 2), digest("other")),
    "scope": lambda chance: frozenset({chance.choice(["agent/stable", "agent/beta"])}),
}
MOMENTS: dict[str, Draw] = {
    "issued": lambda chance: chance.choice([None, moment(chance)]),
    "now": moment,
}


def some(chance: Random, changes: dict[str, Draw], most: int) -> dict[str, Any]:
    """Return a few of the changes."""
    return {name: changes[name](chance) for name in chance.sample(sorted(changes), chance.randint(0, most))}


def world(seed: int) -> World:
    """Return the world of a seed."""
    chance = Random(seed)
    running, ordered = version(chance), version(chance)
    return World(
        host=structs.replace(HOST, **{"running": running, **some(chance, HOSTS, 2)}),
        policy=structs.replace(POLICY, **some(chance, POLICIES, 1)),
        order=an_order(ordered, **some(chance, ORDERS, 3)),
        brake=Brake(**some(chance, BRAKES, 1)) if chance.random() < 0.3 else Brake(),
        releases=chance.choice(CATALOGUES),
        **(some(chance, MOMENTS, 2) if chance.random() < 0.4 else {}),
    )
