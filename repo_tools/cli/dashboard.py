"""``tidegate dashboard``."""

from pathlib import Path

import click

from repo_tools.cli.app import App, reads
from repo_tools.cli.lake import in_lake
from repo_tools.cli.listing import Listing
from repo_tools.output import Answer, counted


@click.group(cls=Listing)
def dashboard() -> None:
    """Show the fleet to everyone, as a static site."""


@dashboard.command()
@in_lake
@click.option("--full", is_flag=True, help="Tell failing and silent hosts by id, with labels and logs.")
@click.option("--to", "target", metavar="LOCATION", help="A folder or s3://… instead of the store.")
@reads
def build(app: App, lake: Path | None, *, full: bool, target: str | None) -> Answer:
    """Write the site below status/ in the store, from what is live and what was collected.

    Readers find all of the new site or all of the one before; what did not change is not written again.
    Ids, labels and logs of hosts are left out unless --full says otherwise.

    \b
    Examples:
      tidegate dashboard build
      tidegate dashboard build --full --to /srv/inside
    """
    from repo_tools.pages import site, writing
    from repo_tools.store import open_store
    from repo_tools.store.base import INDEX, TIMESTAMP

    desk = app.desk()
    store = open_store(target, Path(), desk.workspace.settings.s3) if target else desk.first
    with app.terminal.progress("building"):
        made = site.rendered(site.gather(desk, lake or desk.workspace.folder / "lake", full=full), desk.now)
        done = writing.write(store, made, desk.now)
    if full and store.has(TIMESTAMP):
        app.terminal.warn("whoever can read the store can now read ids, labels and logs of hosts; use --to")
    data = {
        "location": f"{store.location}/{INDEX}",
        "build": made.build,
        "created": done.created,
        "removed": done.removed,
        "bytes": done.size_bytes,
    }
    what = f"{counted(done.created, 'new file')}" if done.news else "no news since the last build"
    return Answer(data, [f"{data['location']}: {what}, {done.size_bytes:,} bytes in all"])
