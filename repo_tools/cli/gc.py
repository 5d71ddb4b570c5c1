"""``tidegate gc``."""

from datetime import timedelta
from typing import Any

import click

from repo_tools import moments
from repo_tools.cli.app import App, changes
from repo_tools.output import Answer, Sheet, counted
from repo_tools.publishing.gc import Garbage, garbage, remove


@click.command()
@click.option("--dry-run", is_flag=True, help="List it, and remove nothing.")
@click.option(
    "--forget-before", metavar="TIME", help="Forget history from before, too; audits begin there then."
)
@click.option(
    "--older-than", metavar="SPAN", default="1d", show_default=True, help="Leave younger files alone."
)
@changes
def gc(app: App, dry_run: bool, forget_before: str | None, older_than: str) -> Answer:
    """Remove what no published version needs, from every store; all history is kept unless told.

    \b
    Examples:
      tidegate gc --dry-run
      tidegate gc --forget-before 2026-01-01T00:00:00Z
    """
    desk = app.desk()
    forget = moments.moment(forget_before, app.now()) if forget_before else None
    grace = timedelta(seconds=moments.seconds(older_than))
    found = [garbage(desk, store, forget, grace) for store in (desk.first, *desk.mirrors)]
    if not dry_run:
        for one in found:
            remove(one)
    return _answer(found, dry_run=dry_run)


def _answer(found: list[Garbage], *, dry_run: bool) -> Answer:
    data: dict[str, Any] = {
        "removed" if not dry_run else "garbage": {
            one.store.location: [item.name for item in one.items] for one in found
        }
    }
    rows = [[item.name, str(item.size_bytes), one.store.location] for one in found for item in one.items]
    verb = "would be removed" if dry_run else "removed"
    said = [
        f"{one.store.location}: {counted(len(one.items), 'file')} ({one.size_bytes:,} bytes) {verb}"
        f", {one.kept} kept"
        for one in found
    ]
    return Answer(data, [*([Sheet(["file", "bytes", "store"], rows)] if rows else []), *said])
