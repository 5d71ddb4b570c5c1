"""A store that was put back from a copy: hosts have seen what it no longer has, and refuse what it would say.

Each timestamp that is published from here is remembered. Nobody has to believe it: it counts while the keys
of the newest root signed it, so that a recovery, which changes them, may start lower. The root here and
the versions that staged roles were made from tell it, too. With none of these nobody can know.
"""

from metadata.errors import ConflictError, MalformedError
from repo_tools.desk import Desk
from repo_tools.recovery import honest
from repo_tools.signed.live import Live
from repo_tools.signed.reading import load_view, timestamp_version
from repo_tools.store import TIMESTAMP, Memory


def remember(desk: Desk, timestamp: bytes) -> None:
    """Keep what was just published."""
    _memory(desk).keep_named(_name(desk), timestamp)


def refuse_restored(desk: Desk) -> None:
    """Refuse to go on from a store that has less than was published from here.

    Raises:
        ConflictError: It says what is missing.
    """
    if desk.live.timestamp is None or honest.read(desk.workspace) is not None:
        return
    for what in (_gone_timestamp(desk), _gone_root(desk), _gone_role(desk)):
        if what:
            text = f"{what}, and {desk.store.location} does not have it"
            hint = "was it restored from a copy? hosts refuse it until the newer one is back, or a mirror's"
            raise ConflictError(text, hint)


def _gone_timestamp(desk: Desk) -> str:
    live = desk.live
    newer = _memory(desk).recall_named(_name(desk), lambda data: _newer(live, data), lambda: None)
    return f"timestamp {timestamp_version(newer)} was published from here" if newer is not None else ""


def _gone_root(desk: Desk) -> str:
    """Return which root was published, as this workspace has it, and is not there."""
    known = load_view("root", desk.workspace.root_bytes()).version
    there = known == 1 or desk.store.has(f"metadata/{known}.root.json")
    return "" if there else f"root {known} was published, as root.json here shows"


def _gone_role(desk: Desk) -> str:
    """Return which version something staged was prepared from that is not public any more."""
    for role in desk.tree.staged():
        if desk.tree.base(role) > desk.live.version(role):
            return f"{role} {desk.tree.base(role)} was public when the next one was staged"
    return ""


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
