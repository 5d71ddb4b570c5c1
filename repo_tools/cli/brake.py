"""``tidegate brake``."""

from datetime import timedelta
from typing import Any

import click

from metadata.errors import UsageError
from repo_tools import moments
from repo_tools.cli.app import App, changes
from repo_tools.desk import Desk
from repo_tools.names import check_version
from repo_tools.output import Answer
from repo_tools.publishing.words import planned_changes, staged_changes
from repo_tools.roles import BRAKE, Channel
from repo_tools.rollouts import braking
from repo_tools.rollouts.leading import LEAD, lead_words, needing_several
from repo_tools.rollouts.staging import stage
from repo_tools.rollouts.state import ordered_rollouts, read_brake, read_state
from repo_tools.rollouts.tables import planned, table
from repo_tools.rollouts.warnings import braked_base
from repo_tools.signing import following, only


@click.command()
@click.argument("channel")
@click.option("--rollout", metavar="ID", help="Hold this rollout.")
@click.option("--version", metavar="VERSION", help="Hold this version, whatever orders it.")
@click.option("--release", is_flag=True, help="Lift the brake.")
@click.option(
    "--lead",
    metavar="SPAN",
    help="With --release: time for signatures before hosts go on. [4h where several must sign]",
)
@click.option("--by", metavar="TEXT", default="", help="Who wants this.")
@click.option("--reason", metavar="TEXT", default="", help="Why.")
@click.option("--dry-run", is_flag=True, help="Say who must sign, and stage nothing.")
@changes
def brake(app: App, channel: str, **options: Any) -> Answer:
    """Stop a rollout, a version, or all rollouts of CHANNEL; one signature is enough.

    Hosts below a base still go to it: a recall stops that.

    \b
    Examples:
      tidegate brake stable --reason "crash loops"
      tidegate brake stable --version 1.5.0
      tidegate brake stable --release --reason "it was the network"
    """
    rollout, version, lift = options["rollout"], options["version"], options["release"]
    if sum(map(bool, (rollout, version, lift))) > 1:
        raise UsageError("--rollout, --version and --release exclude each other", "run tidegate brake twice")
    if version:
        check_version(version)
    desk = app.desk()
    state = read_state(desk, desk.channel(channel))
    live = read_brake(desk.published(), state.channel)
    by, reason = options["by"], options["reason"]
    if lift:
        since = desk.now + _lead(app, desk, state.channel, options["lead"])
        change = braking.release(state, live, by, reason, since)
    else:
        known = state.catalog.versions | state.catalog.public_versions
        wanted = braking.wanted(rollout, version, ordered_rollouts(desk, state.channel), known)
        change = braking.hold(state.brake, wanted, by, reason, desk.now)
        for line in braking.lifted(change, live, state.channel):
            app.terminal.warn(line)
        for line in braked_base(state, change.brake or state.brake):
            app.terminal.warn(line)
    if options["dry_run"]:
        return planned(desk, state, change, planned_changes(desk, state, change))
    stage(desk, state, change)
    return _braked(desk, state.channel)


def _lead(app: App, desk: Desk, channel: Channel, given: str | None) -> timedelta:
    """Return how long after the lifting hosts go on."""
    if given is not None:
        return timedelta(seconds=moments.seconds(given))
    roles = needing_several(desk, [channel.below(BRAKE)])
    if roles:
        app.terminal.note(lead_words(roles, LEAD))
    return LEAD if roles else timedelta()


def _braked(desk: Desk, channel: Channel) -> Answer:
    """Return the channel with its new brake, and how that comes out; alone where other things are staged."""
    role = channel.below(BRAKE)
    own = desk.alone([role])
    lines = [*staged_changes(own), following(own if desk.tree.staged() != [role] else desk)]
    if desk.tree.staged() != [role]:
        lines.append(f"then: tidegate publish{only(own)}; what else is staged stays so")
    return table(desk, channel, lines)
