"""What each mirror serves, for the rules to compare."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from metadata.errors import TidegateError, UnreachableError
from repo_tools.audit.past import desk_on
from repo_tools.checks.seen import mixed
from repo_tools.desk import Desk
from repo_tools.signed.live import Live
from repo_tools.store import FullStore


@dataclass(frozen=True)
class Mirror:
    """One mirror."""

    location: str
    versions: Mapping[str, int] = field(default_factory=dict)
    """What it serves, by role; empty where nothing is published yet or it cannot be told."""
    trouble: str = ""
    """Why that cannot be told."""
    answers: bool = True
    """Whether it answers at all: what it says is not this repository, then."""
    differs: Collection[str] = ()
    """What it has otherwise than the first store; only where everything is looked at."""


def read_mirrors(desk: Desk, *, deep: bool) -> list[Mirror]:
    """Return what each mirror serves.

    Args:
        desk: The workspace.
        deep: Compare every role, and look for every file.
    """
    return [_read(desk, mirror, deep=deep) for mirror in desk.mirrors]


def _read(desk: Desk, mirror: FullStore, *, deep: bool) -> Mirror:
    try:
        live = Live(mirror, desk.workspace.root_bytes())
        differs = list(_differences(desk, mirror, live)) if deep else []
    except UnreachableError as error:
        return Mirror(mirror.location, trouble=error.message, answers=False)
    except TidegateError as error:
        return Mirror(mirror.location, trouble=error.message)
    if live.timestamp is None or live.snapshot is None:
        return Mirror(mirror.location)
    online = {"timestamp": live.timestamp.version, "snapshot": live.snapshot.version}
    versions = {**{role: live.version(role) for role in live.meta}, **online}
    return Mirror(mirror.location, versions, differs=differs)


def _differences(desk: Desk, mirror: FullStore, live: Live) -> Iterator[str]:
    """Yield what a mirror has under a number that means something else in the first store, or has not."""
    here = desk.live
    there = live.timestamp.version if live.timestamp else 0
    same = here.timestamp and there == here.timestamp.version
    if same and live.timestamp_bytes != here.timestamp_bytes:
        yield f"its timestamp {there} is another one"
    for role, listed in live.meta.items():
        known = here.meta.get(role)
        if known and known.version == listed.version and known.hashes != listed.hashes:
            yield f"its {role} {listed.version} is another one"
    if live.timestamp:
        theirs = desk_on(mirror, desk.workspace.root_bytes(), desk.now)
        yield from (one.text for one in mixed(theirs, mirror))
