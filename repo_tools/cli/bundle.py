"""``tidegate bundle``."""

from pathlib import Path

import click

from metadata.errors import MalformedError
from repo_tools.cli.app import App, reads
from repo_tools.cli.listing import Listing
from repo_tools.output import Answer
from repo_tools.publishing.bundle import export, take_in
from repo_tools.store import open_store
from repo_tools.store.bundle import Bundle


@click.group(cls=Listing)
def bundle() -> None:
    """Carry what is published over an air gap, in one file."""


@bundle.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--history", is_flag=True, help="Take every published version, not only what is live.")
@reads
def export_command(app: App, file: Path, history: bool) -> Answer:
    """Write what is live to FILE, with the chain of roots; artifacts and all.

    \b
    Example:
      tidegate bundle export updates.tar
    """
    desk = app.desk()
    with app.terminal.progress("exporting") as on_bytes:
        count = export(desk, file, history=history, on_bytes=on_bytes)
    return Answer({"file": str(file), "files": count}, [f"{count} files are in {file}"])


@bundle.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--store", "location", metavar="URL", help="Publish there. [the workspace's store]")
@click.option(
    "--root", type=click.Path(path_type=Path), help="The root that this side trusts. [the workspace's]"
)
@reads
def import_command(app: App, file: Path, location: str | None, root: Path | None) -> Answer:
    """Verify FILE from this side's own root on, and publish it here; nothing ever goes back.

    \b
    Examples:
      tidegate bundle import updates.tar --store /srv/updates --root root.json
      tidegate bundle import updates.tar
    """
    whole = location is not None and root is not None
    desk = None if whole else app.desk()
    store = open_store(location, Path()) if location else desk.first if desk else None
    anchor = _read(root) if root else desk.workspace.root_bytes() if desk else b""
    assert store is not None  # the workspace has one
    count = take_in(Bundle.open(file), store, anchor, app.now())
    return Answer({"store": store.location, "new": count}, [f"{count} files are new in {store.location}"])


def _read(root: Path) -> bytes:
    try:
        return root.read_bytes()
    except OSError as error:
        raise MalformedError(
            f"{root} cannot be read: {error.strerror}", "take root.json from the owner"
        ) from error
