"""``tidegate agents``."""

import platform as system
from pathlib import Path
from typing import Any

import click

from metadata.facts import Host
from repo_tools import moments
from repo_tools.cli.app import App, reads
from repo_tools.cli.explain import show
from repo_tools.cli.lake import in_lake
from repo_tools.cli.listing import Listing
from repo_tools.cli.selecting import list_agents, select
from repo_tools.explain import explain, highest_seq
from repo_tools.names import check_agent_id, check_version
from repo_tools.output import Answer


@click.group(cls=Listing)
def agents() -> None:
    """Ask about agents, and order single ones."""


agents.add_command(list_agents)
agents.add_command(select)


@agents.command("explain")
@click.argument("agent", metavar="ID")
@click.option("--channel", metavar="CHANNEL", help="Needed when there is more than one.")
@click.option("--running", metavar="VERSION", help="What it runs. [what was collected of it]")
@click.option("--platform", metavar="PLATFORM", help="Its platform; this machine's by default.")
@click.option("--ring", metavar="NAME", help="The ring that its token carries. [what was collected of it]")
@click.option("--cohort-id", metavar="ID", help="The cohort whose place it takes. [what was collected of it]")
@click.option("--at", metavar="TIME", default="now", help="Decide at this time.")
@in_lake
@reads
def explain_command(app: App, agent: str, lake: Path, **options: Any) -> Answer:
    """Say where an agent stands, which order it follows, and what it decides by which rule.

    \b
    Examples:
      tidegate agents explain host-17
      tidegate agents explain host-17 --running 1.4.2
    """
    from repo_tools.collect.roster import heard_of

    check_agent_id(agent)
    if options["running"]:
        check_version(options["running"])
    desk = app.desk().published()
    channel = desk.channel(options["channel"]) if options["channel"] else desk.only_channel()
    if heard := heard_of(desk, channel, lake, agent):
        told = {"running": heard.running or None, "ring": heard.ring, "cohort_id": heard.cohort_id}
        options |= {name: options[name] or value for name, value in told.items()}
    here = f"{system.system()}-{system.machine()}".lower()
    host = Host(
        agent_id=agent,
        product=channel.product,
        channel=channel.name,
        platform=options["platform"] or here,
        ring=options["ring"],
        cohort_id=options["cohort_id"],
        running=options["running"],
        highest_seq=highest_seq(desk, channel, options["running"]),
    )
    found = explain(desk, channel, host, moments.moment(options["at"], app.now()))
    return show(host, found, options)
