"""What each mirror serves, for the rules to compare."""

from collections.abc import Mapping

from metadata.errors import TidegateError
from repo_tools.desk import Desk
from repo_tools.signed.live import Live
from repo_tools.store import Store


def read_mirrors(desk: Desk) -> dict[str, Mapping[str, int] | str]:
    """Return the versions that each mirror serves, or why they are not known."""
    return {mirror.location: _versions(mirror, desk.workspace.root_bytes()) for mirror in desk.mirrors}


def _versions(mirror: Store, root: bytes) -> Mapping[str, int] | str:
    try:
        live = Live(mirror, root)
    except TidegateError as error:
        return error.message
    if live.timestamp is None or live.snapshot is None:
        return {}
    online = {"timestamp": live.timestamp.version, "snapshot": live.snapshot.version}
    return {**{role: live.version(role) for role in live.meta}, **online}
