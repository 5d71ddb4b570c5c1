"""Which hosts a command means: by id, or by what was collected of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metadata.errors import UsageError
from repo_tools.cli.app import App
from repo_tools.cli.lake import in_lake
from repo_tools.cli.options import with_options
from repo_tools.desk import Desk
from repo_tools.names import check_agent_id, check_range, pairs
from repo_tools.roles import Channel

if TYPE_CHECKING:
    from repo_tools.collect.roster import Member

WHICH = ("ids", "search", "labels", "running", "failing")
"""What the options below are called."""

which = with_options(
    click.option("--id", "ids", metavar="ID", multiple=True, help="This host. Repeat it."),
    click.option("--search", metavar="TEXT", help="With this in its id."),
    click.option("--label", "labels", metavar="NAME=TEXT", multiple=True, help="With this label. Repeat it."),
    click.option("--running", metavar="RANGE", help="That run a version in this range."),
    click.option("--failing", metavar="RULE", help="Whose last decision or report has this rule or error."),
    in_lake,
)
of_wave = click.option("--wave", metavar="NAME", help="Of this wave, as the collector works it out.")


def said(options: dict[str, Any]) -> dict[str, Any]:
    """Return what was said of hosts, and take it out of a command's options."""
    return {name: options.pop(name, None) for name in (*WHICH, "wave")}


def chosen(app: App, channel: str, lake: Path, wish: dict[str, Any]) -> Sequence[str]:
    """Return the ids of the hosts that are meant; ids alone need no lake.

    Raises:
        UsageError: Nothing was said.
    """
    if not any(wish.values()):
        raise UsageError("say which hosts: --id, --search, --label, --running, --failing or --wave")
    for agent in wish["ids"]:
        check_agent_id(agent)
    desk = app.desk()
    if not any(value for name, value in wish.items() if name != "ids"):
        _warn_of_strangers(app, desk, desk.channel(channel), lake, wish["ids"])
        return list(dict.fromkeys(wish["ids"]))
    return [one.agent for one in known(desk, desk.channel(channel), lake, wish)]


def _warn_of_strangers(app: App, desk: Desk, channel: Channel, lake: Path, ids: Sequence[str]) -> None:
    """Say which ids nobody was heard of under: a mistake in one leaves its host out."""
    if not lake.exists():
        return
    from repo_tools.collect import roster

    members = roster.members_if_any(desk, channel, lake)
    heard = {one.agent for one in members or ()}
    strangers = [agent for agent in ids if agent not in heard]
    if members is not None and strangers:
        text = f"nobody was heard of as {', '.join(strangers)} in {channel}"
        app.terminal.warn(f"{text}: was another host meant, it is left out")


def known(
    desk: Desk, channel: Channel, lake: Path, wish: dict[str, Any], presence: str = "present"
) -> "list[Member]":
    """Return the hosts that are meant, by what was collected."""
    from repo_tools.collect import roster

    if wish["running"]:
        check_range(wish["running"])
    asked = roster.Wish(
        ids=frozenset(wish["ids"]),
        search=wish["search"] or "",
        labels=pairs("label", wish["labels"], "="),
        running=wish["running"] or "",
        failing=wish["failing"] or "",
        wave=wish["wave"] or "",
        presence="" if presence == "any" else presence,
    )
    members = roster.members(desk, channel, lake)
    found = [one for one in members if asked.fits(one)]
    if not found:
        asked.refuse_unknown(roster.waves(desk, channel), members)
    return found
