"""Commands for what this host has given up: quarantine list, quarantine lift."""

from pathlib import Path

import click

from agent import output, settings
from agent.cli.look import reading
from agent.host import opened
from agent.operator import lift as lift_quarantine
from metadata.errors import UsageError

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
one_product = click.option("--product", metavar="NAME", help="Only this product.")


@click.group()
def quarantine() -> None:
    """See which versions failed on this host, and let it try one again."""


@quarantine.command("list")
@one_product
@as_json
@click.pass_obj
def list_command(config: Path, product: str | None, *, as_json: bool) -> None:
    """List the payloads that this host has given up, newest first."""
    with reading(config) as (found, journal, who):
        names = [entry.name for entry in found.product if product in {None, entry.name}]
        entries = [one for name in names for one in journal.given_up(name)]
    rows = [["product", "version", "since", "blame", "payload"]]
    rows += [
        [one["product"], one["version"], one["at"], one["blame"], one["payload_sha256"]] for one in entries
    ]
    lines = output.table(rows) if entries else ["nothing is quarantined"]
    output.result({"agent": who.agent, "quarantine": entries}, lines, as_json=as_json)


@quarantine.command("lift")
@click.argument("which", metavar="VERSION|DIGEST")
@one_product
@as_json
@click.pass_obj
def lift_command(config: Path, which: str, product: str | None, *, as_json: bool) -> None:
    """Let this host try a version, or a payload, again at once; the next tick decides.

    A version that only waits after failing for the environment may be named, too.
    """
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    with opened(found) as host:
        works = host.works(product)
        if len(works) > 1:
            raise UsageError("there is more than one product", "say which with --product")
        lifted = {work.name: lift_quarantine(work, which) for work in works}
    lines = [f"{name}: {', '.join(versions)} may be tried again" for name, versions in lifted.items()]
    output.result({"lifted": lifted}, lines, as_json=as_json)
