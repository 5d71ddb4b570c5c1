"""The ids of hosts that were ever selected, kept beside the workspace's other files.

A route is made from an id and does not tell it. Whoever signs a batch wants to read ids, so
``rollouts/hosts.txt`` has them, one on each line, and travels with the workspace. Nobody need trust it: an id
that is not the route's names another route.
"""

from collections.abc import Collection
from pathlib import Path

from metadata.errors import MalformedError, UsageError
from metadata.places import pick_route
from repo_tools.files import write
from repo_tools.names import check_agent_id
from repo_tools.workspace import Workspace


def keep(workspace: Workspace, ids: Collection[str]) -> None:
    """Keep more ids."""
    known = set(kept(workspace).values())
    if not known.issuperset(ids):
        path = _path(workspace)
        path.parent.mkdir(exist_ok=True)
        write(path, "".join(f"{one}\n" for one in sorted(known.union(ids))).encode())


def kept(workspace: Workspace) -> dict[str, str]:
    """Return ids by their routes.

    Raises:
        MalformedError: The file cannot be read.
    """
    path = _path(workspace)
    try:
        ids = path.read_text(encoding="ascii").split()
        for one in ids:
            check_agent_id(one)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError, UsageError) as error:
        raise MalformedError(f"{path} cannot be read: {error}", "mend it, or remove it") from error
    return named(ids)


def named(ids: Collection[str]) -> dict[str, str]:
    """Return ids by their routes."""
    return {pick_route(one): one for one in ids}


def _path(workspace: Workspace) -> Path:
    return workspace.folder / "rollouts" / "hosts.txt"
