"""What the commands share that read a published repository: where it is, which root is trusted."""

from pathlib import Path

from metadata.errors import MalformedError, UsageError
from repo_tools.audit.readonly import Reading
from repo_tools.audit.sources import open_source
from repo_tools.cli.app import App
from repo_tools.signed.reading import refuse_other_than_root
from repo_tools.store import open_store
from repo_tools.workspace import Workspace

_NAME_ROOT = "name a root file, such as the root.json that hosts enrol with"


def trusted_root(app: App, root: Path | None) -> bytes:
    """Return the root that is trusted: a file, or the workspace's.

    Raises:
        UsageError: There is neither.
        MalformedError: The file cannot be read, or holds no root.
    """
    if root is None:
        try:
            return Workspace.open(app.folder).root_bytes()
        except UsageError as error:
            hint = "name the root that you trust with --root FILE, or go to the workspace"
            raise UsageError("no root is trusted here", hint) from error
    data = content(root, _NAME_ROOT)
    refuse_other_than_root(data, str(root), _NAME_ROOT)
    return data


def content(path: Path, hint: str) -> bytes:
    """Return what is in a file that was named.

    Raises:
        MalformedError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise MalformedError(f"{path} cannot be read: {error.strerror}", hint) from error


def published(app: App, url: str | None, root: Path | None) -> tuple[Reading, bytes]:
    """Return a store and the root that is trusted; the workspace's own when nothing is named.

    Raises:
        UsageError: Nothing is named, and there is no workspace.
    """
    if url is not None:
        return open_source(url, Path()), trusted_root(app, root)
    workspace = Workspace.open(app.folder)
    store = open_store(workspace.settings.store, workspace.folder, workspace.settings.s3)
    return store, trusted_root(app, root)
