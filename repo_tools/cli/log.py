"""``tidegate log``."""

import json
from pathlib import Path

import click

from repo_tools.audit.log import Log, Wanted, line
from repo_tools.audit.past import NOWHERE
from repo_tools.audit.report import audit, do_not_hold, whole
from repo_tools.cli.app import App, reads
from repo_tools.cli.reading import published
from repo_tools.contents import Contents
from repo_tools.output import Answer


@click.command()
@click.argument("url", required=False)
@click.option(
    "--root", type=click.Path(path_type=Path), metavar="FILE", help="Root you trust. [the workspace's]"
)
@click.option("--person", metavar="NAME", help="Only what this owner, or this key, signed.")
@click.option("--role", metavar="ROLE", help="Only this role, and those below it.")
@click.option("--release", metavar="VERSION", help="Only what is about this version.")
@reads
def log(app: App, url: str | None, root: Path | None, **options: str | None) -> Answer:
    """Tell the published history in words, newest first, one line for each change.

    Without URL it is the workspace's store. Refreshes of snapshot and timestamp are left out unless --role
    names them.

    \b
    Examples:
      tidegate log --release 1.5.0
      tidegate log https://updates.example.com --root root.json --person rollouts-1
    """
    store, trusted = published(app, url, root)
    with app.terminal.progress("reading", None, count=True) as on_count:
        earlier = whole(store, trusted, app.now(), on_count) if url is None and root is None else None
        report = earlier or audit(store, trusted, app.now(), on_count)
    if earlier:
        known = json.loads(trusted)["signed"]["version"]
        app.terminal.note(
            f"what came before root {known}, which this workspace trusts, is told as the store has it"
        )
    broken = sum(found.level == "error" for found in report.findings)
    if broken:
        app.terminal.warn(f"in this history {do_not_hold(broken)}: tidegate audit lists them")
    told = Log(report.history, Contents(NOWHERE, store)).changes(Wanted(**options))
    data = [
        {
            "at": change.at,
            "publication": change.publication,
            "role": change.role,
            "version": change.version,
            "text": change.text,
            "signed_by": [key.person for key in change.signed_by],
            "keys": [{"name": key.name, "keyid": key.keyid} for key in change.signed_by],
            "releases": sorted(change.releases),
        }
        for change in told
    ]
    return Answer({"changes": data, "errors": broken}, [line(change) for change in told] or ["nothing"])
