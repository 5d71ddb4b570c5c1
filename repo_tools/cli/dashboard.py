"""``tidegate dashboard``."""

from pathlib import Path

import click

from metadata.errors import UsageError
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
@click.option("--yes", is_flag=True, help="With --full: whoever can read the store may know.")
@click.option("--to", "target", metavar="LOCATION", help="A folder or s3://… instead of the store.")
@reads
def build(app: App, lake: Path, target: str | None, *, full: bool, yes: bool) -> Answer:
    """Write the site below status/ in the store, from what is live and what was collected.

    Readers find all of the new site or all of the one before; what did not change is not written again.
    Ids, labels and logs of hosts are left out unless --full says otherwise; what an earlier --full wrote is
    removed by the next build without it.

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
    if full and not yes and store.has(TIMESTAMP):
        text = "whoever can read the store would read ids, labels and logs of hosts"
        raise UsageError(text, "write it elsewhere with --to LOCATION, or say --yes")
    with app.terminal.progress("building"):
        made = site.rendered(site.gather(desk, lake, full=full), desk.now)
        done = writing.write(store, made, desk.now)
    data = {
        "location": f"{store.location}/{INDEX}",
        "build": made.build,
        "created": done.created,
        "removed": done.removed,
        "bytes": done.size_bytes,
    }
    what = f"{counted(done.created, 'new file')}" if done.news else "no news since the last build"
    gone = f", {counted(done.removed, 'old file')} removed" if done.removed else ""
    return Answer(data, [f"{data['location']}: {what}{gone}, {done.size_bytes:,} bytes in all"])
