"""``tidegate release revoke``."""

from typing import Any

import click

from metadata.documents import Policy
from metadata.errors import UsageError
from repo_tools.cli.app import App, changes
from repo_tools.output import Answer
from repo_tools.publishing.words import planned_changes, staged_changes
from repo_tools.rollouts import revoking
from repo_tools.rollouts.revoking import Wish
from repo_tools.rollouts.staging import stage
from repo_tools.rollouts.state import read_state
from repo_tools.rollouts.tables import planned
from repo_tools.signing import following


@click.command()
@click.argument("version")
@click.option("--channel", "names", multiple=True, metavar="CHANNEL", help="Only there. Repeat it.")
@click.option("--product", metavar="NAME", help="Needed when there is more than one.")
@click.option("--reason", metavar="TEXT", default="", help="Why, such as CVE-2026-0001.")
@click.option("--below", is_flag=True, help="Everything that was added before it, too: raise the floor.")
@click.option("--lift", is_flag=True, help="Take VERSION off the list again; a floor is never lowered.")
@click.option("--dry-run", is_flag=True, help="Say what would be staged, and stage nothing.")
@changes
def revoke(
    app: App, version: str, names: tuple[str, ...], product: str | None, **options: str | bool
) -> Answer:
    """Let no host start VERSION any more: not by an order, not by a rollback, not from a bundle.

    A host that runs it stays, until something else is ordered: recall it first.

    \b
    Examples:
      tidegate release revoke 1.4.1 --reason CVE-2026-0001
      tidegate release revoke 1.4.1 --below --channel stable
    """
    if options["lift"] and options["below"]:
        raise UsageError("--lift and --below exclude each other", "a floor is never lowered")
    desk = app.desk()
    channels = desk.channels_of([desk.product(product)], names)
    wish = Wish(version, str(options["reason"]), below=bool(options["below"]))
    states = [read_state(desk, channel) for channel in channels]
    changed = [
        (state, revoking.allow(state, wish) if options["lift"] else revoking.revoke(state, wish, desk.now))
        for state in states
    ]
    data = {
        "channels": {str(state.channel): _told(change.policy or state.policy) for state, change in changed},
        "dry_run": options["dry_run"],
    }
    if options["dry_run"]:
        plans = [
            planned(desk, state, change, planned_changes(desk, state, change)) for state, change in changed
        ]
        return Answer(
            {**data, "plans": [plan.data for plan in plans]}, [part for plan in plans for part in plan.text]
        )
    for state, change in changed:
        stage(desk, state, change)
    return Answer(data, [*staged_changes(desk), following(desk)])


def _told(policy: Policy) -> dict[str, Any]:
    return {"floor_seq": policy.floor_seq, "revoked": [entry.version for entry in policy.revoked]}
