"""``tidegate brake``."""

from typing import Any

import click

from metadata.errors import UsageError
from repo_tools.cli.app import App, waits
from repo_tools.cli.ordering import lead_of, next_steps, staged
from repo_tools.desk import Desk
from repo_tools.names import check_version
from repo_tools.output import Answer
from repo_tools.roles import BRAKE, Channel
from repo_tools.rollouts.preparing import Stop, prepare_hold, prepare_lifting
from repo_tools.signing import only


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
@waits
def brake(app: App, channel: str, **options: Any) -> Answer:
    """Stop a rollout, a version, or all rollouts of CHANNEL; one signature is enough.

    Hosts below a base still go to it: a recall stops that. A recall is held like
    any rollout; --rollout holds another one alone.

    \b
    Examples:
      tidegate brake stable --reason "crash loops"
      tidegate brake stable --version 1.5.0
      tidegate brake stable --release --reason "it was the network"
    """
    rollout, version, lift = options["rollout"], options["version"], options["release"]
    if sum((rollout is not None, version is not None, lift)) > 1:
        hint = "run tidegate brake for each; --release lifts all: brake again what is to stay held"
        raise UsageError("--rollout, --version and --release exclude each other", hint)
    if version is not None:
        check_version(version)
    if options["lead"] and not lift:
        raise UsageError("--lead goes with --release", "a brake holds as soon as it is published")
    desk = app.desk()
    found, stop = desk.channel(channel), Stop(rollout, version, options["by"], options["reason"])
    prepared = (
        prepare_lifting(desk, found, stop, lead_of(options)) if lift else prepare_hold(desk, found, stop)
    )
    return staged(app, desk, prepared, dry=options["dry_run"], lines=_lines)


def _lines(desk: Desk, channel: Channel) -> list[str]:
    """Return how the brake comes out; alone where other things are staged."""
    role = channel.below(BRAKE)
    own = desk.alone([role])
    if desk.tree.staged() == [role]:
        return next_steps(desk, channel)
    then = f"then: {desk.workspace.program} publish{only(own)}; what else is staged stays so"
    return [*next_steps(own, channel), then]
