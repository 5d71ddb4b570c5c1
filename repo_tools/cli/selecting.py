"""``tidegate agents list`` and ``select``."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from metadata.errors import UsageError
from repo_tools.cli.app import App, changes, reads
from repo_tools.cli.hosts import chosen, known, of_wave, said, which
from repo_tools.cli.options import dry_run, retry, when, why
from repo_tools.cli.ordering import changed
from repo_tools.output import Answer, Sheet, counted
from repo_tools.rollouts import selecting


@click.command("list")
@click.argument("channel", required=False)
@which
@of_wave
@click.option(
    "--presence",
    type=click.Choice(["present", "absent", "left", "forgotten", "any"]),
    default="present",
    show_default=True,
)
@reads
def list_agents(app: App, channel: str | None, presence: str, lake: Path, **options: Any) -> Answer:
    """List the hosts of CHANNEL as they were last heard; it may be left out where there is one.

    \b
    Examples:
      tidegate agents list --running "<1.5" --label site=fra1
      tidegate agents list --failing quarantined
    """
    desk = app.desk()
    where = desk.channel(channel) if channel else desk.only_channel()
    found = known(desk, where, lake, said(options), presence)
    rows = [[one.agent, one.wave, one.running, one.because, one.presence, one.heard] for one in found]
    sheet = Sheet(["host", "wave", "runs", "because", "", "last heard"], rows, spare=["", "because"])
    count = f"{counted(len(found), 'host')} of {where}"
    return Answer([asdict(one) for one in found], [sheet, count] if rows else [f"no such host in {where}"])


@click.command("select")
@click.argument("channel", required=False)
@click.argument("version", required=False)
@which
@of_wave
@click.option("--clear", is_flag=True, help="End every batch: its hosts follow their waves again.")
@click.option("--urgent", is_flag=True, help="Ignore the hosts' maintenance windows.")
@retry
@when
@why
@dry_run
@changes
def select(
    app: App, channel: str | None, version: str | None, lake: Path, clear: bool, **options: Any
) -> Answer:
    """Order VERSION to single hosts, before or beside every wave: by id, or by what was collected of them.

    CHANNEL may be left out where there is one; without VERSION it is the newest release that is published.

    The batch ends with --not-after, with --clear, and when a rollout goes past it or recalls what it runs.

    \b
    Examples:
      tidegate agents select stable 1.5.0 --id host-3 --id host-14 --reason "asked for it"
      tidegate agents select stable 1.5.1 --running "==1.5.0" --failing unhealthy
      tidegate agents select stable --clear
    """
    channel, version = _told_apart(app, channel, version)
    if clear and version:
        raise UsageError("--clear ends batches, whatever they run", "leave VERSION out")
    wish = said(options)
    if clear:
        return changed(app, channel, options, lambda state, _: selecting.clear(state))
    agents = chosen(app, channel, lake, wish)
    app.terminal.note(
        f"{counted(len(agents), 'host')}: {', '.join(agents[:10])}{' …' if len(agents) > 10 else ''}"
    )
    return changed(
        app, channel, options, lambda state, terms: selecting.select(state, version, agents, terms)
    )


def _told_apart(app: App, channel: str | None, version: str | None) -> tuple[str, str | None]:
    """Return channel and version, each of which may be left out: only versions begin with a digit."""
    if version is None and channel and channel[0].isdigit():
        channel, version = None, channel
    return channel or str(app.desk().only_channel()), version
