"""``tidegate policy``."""

from typing import Any

import click

from metadata.documents import Policy
from metadata.strict import to_json
from repo_tools import moments
from repo_tools.cli.app import App, changes
from repo_tools.output import Answer, Sheet, span
from repo_tools.publishing.words import planned_changes, staged_changes
from repo_tools.rollouts import policies
from repo_tools.rollouts.staging import stage
from repo_tools.rollouts.state import State, read_state
from repo_tools.rollouts.tables import planned
from repo_tools.signing import following


@click.command()
@click.argument("channel", required=False)
@click.option("--poll", metavar="SPAN", help="How often hosts look: 1s to 1d.")
@click.option("--fresh", metavar="SPAN", help="Hosts start nothing when the last refresh is longer ago.")
@click.option(
    "--allow-now/--no-allow-now", default=None, help="Whether a host's operator may go before its turn."
)
@click.option(
    "--pins-yield/--no-pins-yield", default=None, help="Whether a pin gives way when what runs is revoked."
)
@click.option("--dry-run", is_flag=True, help="Say what would be staged, and stage nothing.")
@changes
def policy(app: App, channel: str | None, **options: Any) -> Answer:
    """Show or change what CHANNEL lets its hosts do; it may be left out where there is one.

    \b
    Examples:
      tidegate policy
      tidegate policy stable --poll 5m --allow-now
    """
    desk = app.desk()
    state = read_state(desk, desk.channel(channel) if channel else desk.only_channel())
    wish = policies.Wish(
        moments.seconds(options["poll"]) if options["poll"] else None,
        moments.seconds(options["fresh"]) if options["fresh"] else None,
        options["pins_yield"],
        options["allow_now"],
    )
    if wish == policies.Wish():
        return _shown(state, state.policy, [])
    change = policies.changed(state, wish)
    after = change.policy or state.policy
    for warning in policies.tight(after):
        app.terminal.warn(warning)
    if options["dry_run"]:
        return planned(desk, state, change, planned_changes(desk, state, change))
    stage(desk, state, change)
    return _shown(state, after, [*staged_changes(desk), following(desk)])


def _shown(state: State, found: Policy, lines: list[str]) -> Answer:
    rows = [
        ["hosts look every", span(found.poll_s)],
        ["they start nothing when the last refresh is longer ago than", span(found.fresh_s)],
        ["a host's operator may go before its turn", _yes(found.allow_now)],
        ["a pin gives way when what runs is revoked", _yes(found.pins_yield)],
        ["reports go to", found.report.url if found.report else "nowhere"],
        ["no release below this number", str(found.floor_seq)],
        ["revoked", ", ".join(entry.version for entry in found.revoked) or "none"],
    ]
    return Answer(to_json(found), [Sheet(["policy", str(state.channel)], rows), *lines])


def _yes(allowed: bool) -> str:
    return "yes" if allowed else "no"
