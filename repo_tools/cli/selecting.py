"""``tidegate agents list`` and ``select``."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metadata.errors import UsageError
from repo_tools.cli.app import App, changes, reads
from repo_tools.cli.lake import in_lake
from repo_tools.cli.rollout import changed, dry_run, when, why, with_options
from repo_tools.desk import Desk
from repo_tools.names import check_agent_id, check_range, pairs
from repo_tools.output import Answer, Sheet, counted
from repo_tools.roles import Channel
from repo_tools.rollouts import selecting

if TYPE_CHECKING:
    from repo_tools.collect.roster import Member

_which = with_options(
    click.option("--id", "ids", metavar="ID", multiple=True, help="This host. Repeat it."),
    click.option("--label", "labels", metavar="NAME=TEXT", multiple=True, help="With this label. Repeat it."),
    click.option("--running", metavar="RANGE", help="That run a version in this range."),
    click.option("--failing", metavar="RULE", help="Whose last decision or report has this rule or error."),
    click.option("--wave", metavar="NAME", help="Of this wave, as the collector works it out."),
    in_lake,
)


@click.command("list")
@click.argument("channel", required=False)
@_which
@click.option(
    "--presence",
    type=click.Choice(["present", "absent", "left", "forgotten", "any"]),
    default="present",
    show_default=True,
)
@reads
def list_agents(app: App, channel: str | None, presence: str, lake: Path | None, **which: Any) -> Answer:
    """List the hosts of CHANNEL as they were last heard; it may be left out where there is one.

    \b
    Examples:
      tidegate agents list --running "<1.5" --label site=fra1
      tidegate agents list --failing quarantined
    """
    desk = app.desk()
    where = desk.channel(channel) if channel else desk.only_channel()
    found = _found(desk, where, lake, which, presence)
    rows = [
        [one.agent, one.wave, one.running, one.rule or one.reason, one.presence, one.heard] for one in found
    ]
    sheet = Sheet(["host", "wave", "runs", "because", "", "last heard"], rows, spare=["", "because"])
    said = f"{counted(len(found), 'host')} of {where}"
    return Answer([asdict(one) for one in found], [sheet, said] if rows else [f"no such host in {where}"])


@click.command("select")
@click.argument("channel")
@click.argument("version", required=False)
@_which
@click.option("--clear", is_flag=True, help="End every batch: its hosts follow their waves again.")
@click.option("--urgent", is_flag=True, help="Ignore the hosts' maintenance windows.")
@when
@why
@dry_run
@changes
def select(
    app: App, channel: str, version: str | None, lake: Path | None, clear: bool, **said: Any
) -> Answer:
    """Order VERSION to single hosts, before or beside every wave: by id, or by what was collected of them.

    The batch ends with --not-after, with --clear, and when a rollout goes past it or recalls what it runs.

    \b
    Examples:
      tidegate agents select stable 1.5.0 --id host-3 --id host-14 --reason "asked for it"
      tidegate agents select stable 1.5.1 --running ==1.5.0 --failing unhealthy
      tidegate agents select stable --clear
    """
    if clear == bool(version):
        raise UsageError("say which VERSION, or --clear")
    which = {name: said.pop(name) for name in ("ids", "labels", "running", "failing", "wave")}
    if version is None:
        return changed(app, channel, said, lambda state, _: selecting.clear(state))
    agents = _agents(app, channel, lake, which)
    app.terminal.note(
        f"{counted(len(agents), 'host')}: {', '.join(agents[:10])}{' …' if len(agents) > 10 else ''}"
    )
    return changed(app, channel, said, lambda state, terms: selecting.select(state, version, agents, terms))


def _agents(app: App, channel: str, lake: Path | None, which: dict[str, Any]) -> Sequence[str]:
    """Return the hosts that are meant; ids alone need no lake."""
    if not any(which.values()):
        raise UsageError("say which hosts: --id, --label, --running, --failing or --wave")
    for agent in which["ids"]:
        check_agent_id(agent)
    if not any(value for name, value in which.items() if name != "ids"):
        return list(dict.fromkeys(which["ids"]))
    desk = app.desk()
    return [one.agent for one in _found(desk, desk.channel(channel), lake, which, "present")]


def _found(
    desk: Desk, channel: Channel, lake: Path | None, which: dict[str, Any], presence: str
) -> "list[Member]":
    from repo_tools.collect import roster

    if which["running"]:
        check_range(which["running"])
    wish = roster.Wish(
        ids=frozenset(which["ids"]),
        labels=pairs("label", which["labels"], "="),
        running=which["running"] or "",
        failing=which["failing"] or "",
        wave=which["wave"] or "",
        presence="" if presence == "any" else presence,
    )
    known = roster.members(desk, channel, lake or desk.workspace.folder / "lake")
    return [one for one in known if wish.fits(one)]
