"""Which published timestamp was the last honest one, for as long as a recovery is being prepared.

It travels with what is staged: whoever signs and publishes must start from the same tree.
"""

from pathlib import Path

import msgspec

from metadata.errors import MalformedError
from repo_tools import files
from repo_tools.workspace import Workspace


class Honest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``staged/honest.json`` holds."""

    timestamp: int


def read(workspace: Workspace) -> int | None:
    """Return the version of the last honest timestamp, or None when nothing is being recovered.

    Raises:
        MalformedError: The file cannot be read.
    """
    path = _path(workspace)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Honest).timestamp
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise MalformedError(
            f"{path} cannot be read: {error}", "to plan the recovery again: tidegate unstage --all"
        ) from error


def there(workspace: Workspace) -> bool:
    """Return whether a recovery starts from one, also where it cannot be read."""
    return _path(workspace).exists()


def write(workspace: Workspace, timestamp: int) -> None:
    """Remember it."""
    files.write(_path(workspace), msgspec.json.encode(Honest(timestamp)) + b"\n")


def forget(workspace: Workspace) -> None:
    """Forget it, once the recovery is published."""
    _path(workspace).unlink(missing_ok=True)


def _path(workspace: Workspace) -> Path:
    return workspace.folder / "staged" / "honest.json"
