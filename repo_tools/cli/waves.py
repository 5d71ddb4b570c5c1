"""``tidegate waves``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repo_tools.cli.app import App, changes
from repo_tools.cli.lake import in_lake
from repo_tools.cli.options import dry_run, fine
from repo_tools.desk import Desk
from repo_tools.output import Answer
from repo_tools.publishing.words import planned_changes, staged_changes
from repo_tools.rollouts import hosts
from repo_tools.rollouts.staging import Change, reshaped, stage
from repo_tools.rollouts.state import State, read_state
from repo_tools.rollouts.tables import planned
from repo_tools.signing import following
from repo_tools.waves.said import parse_waves

if TYPE_CHECKING:
    from repo_tools.collect.roster import Member
    from repo_tools.waves.reshaping import Wish


@click.command()
@click.argument("channel", required=False)
@click.option(
    "--wave",
    "said",
    multiple=True,
    metavar="NAME=WHO",
    help="A cumulative percentage, or id:HOST,HOST; with --count a number of hosts. Repeat it.",
)
@click.option(
    "--count", is_flag=True, help="Count hosts in, from the roster; without --wave, fill up what is there."
)
@fine
@in_lake
@dry_run
@changes
def waves(app: App, channel: str | None, lake: Path, **options: Any) -> Answer:
    """Show who is in which wave of CHANNEL, or change it; it may be left out where there is one.

    Below 200 hosts a percentage is a lottery: count hosts in instead. Who is in a wave stays there; who
    was forgotten, left or is absent makes room, and others are drawn by lot. It is safe to run again.
    Hosts change their waves only while every wave runs the same version.

    \b
    Examples:
      tidegate waves stable
      tidegate waves stable --count --wave canary=1 --wave early=3
      tidegate waves stable --count
      tidegate waves stable --wave canary=id:host-1,id:host-2
    """
    from repo_tools.collect import roster
    from repo_tools.waves import words
    from repo_tools.waves.reshaping import Wish

    desk = app.desk()
    state = read_state(desk, desk.channel(channel) if channel else desk.only_channel())
    wish = Wish(
        parse_waves(options["said"], counted=options["count"]), options["count"], 4 if options["fine"] else 3
    )
    asked = roster.members if wish.count else roster.members_if_any
    members = asked(desk, state.channel, lake)
    if not wish.waves and not wish.count:
        return words.shown(state, members, hosts.kept(desk.workspace).values())
    return _changed(desk, state, wish, members or (), dry=options["dry_run"])


def _changed(desk: Desk, state: State, wish: "Wish", members: "Sequence[Member]", *, dry: bool) -> Answer:
    from repo_tools.waves import words
    from repo_tools.waves.reshaping import reshape

    change = reshape(state, wish, members, desk.now)
    after = reshaped(state, change)
    asked = [host for wave in wish.waves for host in wave.hosts]
    ids = {*hosts.kept(desk.workspace).values(), *asked}
    found = words.shown(after, members or None, ids)
    told = [*words.moves(state, change, members, ids), *words.shortfalls(after, wish.waves, members)]
    data = {**found.data, "moves": told}
    if change == Change():
        end = "every wave is so already; nothing was staged"
        return Answer({**data, "changes": []}, [*told, *found.text, end])
    if dry:
        plan = planned(desk, state, change, planned_changes(desk, state, change))
        return Answer({**plan.data, **data}, [*told, *found.text, *plan.text])
    stage(desk, state, change)
    hosts.keep(desk.workspace, asked)
    said = staged_changes(desk)
    return Answer({**data, "changes": said}, [*told, *found.text, *said, following(desk)])
