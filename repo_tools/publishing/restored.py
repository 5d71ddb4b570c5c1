"""A store that was put back from a copy: hosts have seen what it no longer has, and refuse what it would say.

Each timestamp that is published from here is remembered. Nobody has to believe it: it counts while the keys
of the newest root signed it, so that a recovery, which changes them, may start lower.
"""

from metadata.errors import ConflictError, MalformedError
from repo_tools.desk import Desk
from repo_tools.recovery import honest
from repo_tools.signed.live import Live
from repo_tools.signed.reading import timestamp_version
from repo_tools.store import TIMESTAMP, Memory


def remember(desk: Desk, timestamp: bytes) -> None:
    """Keep what was just published."""
    _memory(desk).keep_named(_name(desk), timestamp)


def refuse_restored(desk: Desk) -> None:
    """Refuse to go on from a store that has less than was published from here.

    Raises:
        ConflictError: It says what is missing.
    """
    live = desk.live
    if live.timestamp is None or honest.read(desk.workspace) is not None:
        return
    newer = _memory(desk).recall_named(_name(desk), lambda data: _newer(live, data), lambda: None)
    if newer is not None:
        seen = timestamp_version(newer)
        here = f"{desk.store.location} has only {live.timestamp.version}"
        text = f"timestamp {seen} was published from here, and {here}"
        hint = (
            f"was it restored from a copy? hosts refuse it until the one with {seen} is back, or a mirror's"
        )
        raise ConflictError(text, hint)


def _newer(live: Live, data: bytes) -> bool:
    try:
        found = timestamp_version(data)
    except MalformedError:  # a damaged memory
        return False
    return live.timestamp is not None and found > live.timestamp.version and live.issued(data, found)


def _memory(desk: Desk) -> Memory:
    return Memory(desk.workspace.folder / ".cache")


def _name(desk: Desk) -> str:
    return f"{desk.store.location}/{TIMESTAMP}"
