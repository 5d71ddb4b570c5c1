"""``tidegate release revoke``."""

from typing import Any

import click

from metadata.documents import Policy
from metadata.errors import UsageError
from repo_tools.cli.app import App, changes
from repo_tools.desk import Desk
from repo_tools.output import Answer
from repo_tools.publishing.words import staged_changes
from repo_tools.roles import Channel
from repo_tools.rollouts import revoking
from repo_tools.rollouts.revoking import Wish
from repo_tools.rollouts.staging import stage
from repo_tools.rollouts.state import read_state
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
    channels = [desk.channel(name) for name in names] or _all(desk, desk.product(product))
    states = [read_state(desk, channel) for channel in channels]
    wish = Wish(version, str(options["reason"]), below=bool(options["below"]))
    changed = [
        (state, revoking.allow(state, version) if options["lift"] else revoking.revoke(state, wish))
        for state in states
    ]
    data = {
        "channels": {str(state.channel): _told(change.policy or state.policy) for state, change in changed},
        "dry_run": options["dry_run"],
    }
    if options["dry_run"]:
        lines = [
            f"{state.channel}: nothing was staged, and nothing stands against it" for state, _ in changed
        ]
        return Answer(data, lines)
    for state, change in changed:
        stage(desk, state, change)
    return Answer(data, [*staged_changes(desk), following(desk)])


def _all(desk: Desk, product: str) -> list[Channel]:
    return [channel for channel in desk.channels() if channel.product == product]


def _told(policy: Policy) -> dict[str, Any]:
    return {"floor_seq": policy.floor_seq, "revoked": [entry.version for entry in policy.revoked]}
