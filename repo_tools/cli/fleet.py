"""``tidegate fleet``."""

from pathlib import Path
from typing import Any

import click

from repo_tools.cli import lake
from repo_tools.cli.app import App, changes, reads
from repo_tools.cli.listing import Listing
from repo_tools.output import Answer, Sheet


@click.group(cls=Listing)
def fleet() -> None:
    """Let hosts enrol, say where their reports go, and count what they said."""


for command in (lake.collect, lake.query, lake.export, lake.metrics):
    fleet.add_command(command)


@fleet.command("token")
@click.option("--product", "products", metavar="NAME", multiple=True, help="Every channel of this product.")
@click.option("--channel", "channels", metavar="CHANNEL", multiple=True, help="This channel. Repeat it.")
@click.option("--url", metavar="URL", help="Where hosts find the repository; the store, if it is a folder.")
@click.option("--ring", metavar="NAME", help="Hosts with this token belong to the ring.")
@click.option("--label", "labels", metavar="NAME=TEXT", multiple=True, help="What reports carry. Repeat it.")
@click.option("--expires", metavar="WHEN", default="7d", help="Nobody enrols from then on. [7d]")
@click.option(
    "--uses", metavar="N", type=click.IntRange(0), default=0, help="How many hosts; 0 for any number."
)
@click.option(
    "--header", "headers", metavar="NAME:TEXT", multiple=True, help="What the place for reports asks for."
)
@click.option("--key", "keys", metavar="NAME|URI", multiple=True, help="Sign with this key.")
@reads
def token(app: App, keys: tuple[str, ...], **options: Any) -> Answer:
    """Make a registration token: what a host needs to enrol, in one paste.

    \b
    Examples:
      tidegate fleet token --product agent --label site=fra1 --expires 30d
      tidegate fleet token --channel agent/stable --ring staging --uses 1
    """
    from repo_tools.fleet import tokens
    from repo_tools.keys.choice import chosen

    desk = app.desk()
    made = tokens.make(desk, tokens.wished(desk, options), chosen(desk.keys, keys, desk.passphrases))
    app.terminal.note(made.note())
    return Answer(made.data(), [made.text])


@fleet.command("keys")
@click.option("--add", "added", metavar="NAME", multiple=True, help="Let this key sign tokens. Repeat it.")
@click.option(
    "--remove",
    "removed",
    metavar="KEY",
    multiple=True,
    help="Name or id of a key whose tokens enrol nobody any more.",
)
@changes
def keys(app: App, added: tuple[str, ...], removed: tuple[str, ...]) -> Answer:
    """Show or change the keys that may sign registration tokens.

    \b
    Examples:
      tidegate fleet keys
      tidegate fleet keys --add provisioning
    """
    from repo_tools.fleet import enrolment
    from repo_tools.signing import following

    desk = app.desk()
    document = enrolment.change_keys(desk, added, removed)
    rows = [
        [str(entry.get("x-tidegate-name", "")), entry["scheme"], entry["keyid"][:16]]
        for entry in document.keys
    ]
    sheet = Sheet(["key", "scheme", "id"], rows) if rows else "no key may sign registration tokens"
    return Answer({"keys": document.keys}, [sheet, *([following(desk)] if added or removed else [])])


@fleet.command("revoke")
@click.option("--token", "tokens", metavar="ID", multiple=True, help="Nobody enrols with it any more.")
@click.option("--agent", "agents", metavar="ID", multiple=True, help="Its reports count no more.")
@lake.in_lake
@changes
def revoke(app: App, tokens: tuple[str, ...], agents: tuple[str, ...], lake: Path) -> Answer:
    """Revoke registration tokens or agents: their reports count no more; updates go on.

    \b
    Example:
      tidegate fleet revoke --token 5f0c2a9b1d3e4f60
    """
    from repo_tools.collect.roster import refuse_strangers
    from repo_tools.fleet import enrolment
    from repo_tools.signing import following

    desk = app.desk()
    refuse_strangers(lake, agents)
    document = enrolment.revoke(desk, tokens, agents)
    data = {"revoked_tokens": document.revoked_tokens, "revoked_agents": document.revoked_agents}
    return Answer(data, [f"revoked: {', '.join([*tokens, *agents])}", following(desk)])


@fleet.command("reports")
@click.argument("channel")
@click.option("--url", metavar="URL", help="Where hosts put reports, by HTTP PUT.")
@click.option("--heartbeat", metavar="SPAN", default="1d", help="How often a host with no news says so. [1d]")
@click.option("--off", is_flag=True, help="Hosts report nothing.")
@changes
def reports(app: App, channel: str, url: str | None, heartbeat: str, *, off: bool) -> Answer:
    """Say where the hosts of CHANNEL put their reports.

    \b
    Example:
      tidegate fleet reports stable --url https://reports.example.com --heartbeat 1d
    """
    from repo_tools.fleet.reporting import cost, place, report_to
    from repo_tools.publishing.words import staged_changes
    from repo_tools.signing import following

    desk = app.desk()
    where = place(url, heartbeat, off=off)
    data = report_to(desk, desk.channel(channel), where)
    return Answer(data, [*staged_changes(desk), *([cost(where)] if where else []), following(desk)])


@fleet.command("forget")
@click.argument("agents", metavar="AGENT…", nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", required=True, help="Why nobody waits for it any more.")
@lake.in_lake
@reads
def forget(app: App, agents: tuple[str, ...], reason: str, lake: Path) -> Answer:
    """End hosts that will not come back; what they said is kept.

    Enrolling with another token brings them back, or `leave` and `enroll` with the same.

    \b
    Example:
      tidegate fleet forget host-17 --reason "scrapped"
    """
    from repo_tools.collect import presence
    from repo_tools.collect.lake import opened

    with opened(lake) as lake_at_hand:
        presence.forget(lake_at_hand, agents, reason, app.now())
    return Answer({"forgotten": list(agents)}, [f"forgotten: {', '.join(agents)}"])
