"""Commands that talk to the repository: run, tick, check, update."""

from pathlib import Path

import click
import msgspec

from agent import output, settings, unattended
from agent import tick as ticking
from agent.status import product_status, status
from agent.steps.choose import look, noted
from agent.tick import Host, opened
from agent.unattended import show
from metadata.errors import UnhealthyError, UnsuitableError

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
one_product = click.option("--product", metavar="NAME", help="Only this product.")


@click.command()
@click.pass_obj
def run(config: Path) -> int:
    """Stay resident: tick when it is time, run child services, enforce deadlines."""
    from agent import supervisor  # noqa: PLC0415 (its own process, nearly always)

    return supervisor.main(config)


@click.command()
@click.pass_obj
def guard(config: Path) -> int:
    """Take back trials that nobody kept in time; tidegate-guard.timer runs it while a trial is open.

    Exits 14 when a trial could not be looked after; tried again by the timer.
    """
    from agent.guard import duty  # noqa: PLC0415 (its own process, nearly always)

    return duty.main(config)


@click.command()
@as_json
@click.pass_obj
def tick(config: Path, *, as_json: bool) -> int:
    """Poll once and do what is to be done, to the end; waits out a trial.

    Exits 0 also when there is nothing to do, when the answer is no, and when a trial went back.
    """
    return unattended.tick(config, as_json=as_json)


@click.command()
@one_product
@as_json
@click.pass_obj
def check(config: Path, product: str | None, *, as_json: bool) -> None:
    """Poll and show what would be done now; changes nothing."""
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    with opened(found) as host:
        works = host.works(product)
        seen = {work.name: msgspec.to_builtins(noted(*look(work))) for work in works}
        entries = [product_status(found, host.journal, name, decision) for name, decision in seen.items()]
        document = {**status(found, host.journal, host.identity.agent), "products": entries}
    output.result(document, output.product_lines(document), as_json=as_json)


@click.command()
@one_product
@as_json
@click.pass_obj
def update(config: Path, product: str | None, *, as_json: bool) -> int:
    """Do what a tick does, for a person: exits 13 when the answer is no, and 14 when a trial went back."""
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    with opened(found) as host:
        newest = max((event["id"] for event in host.journal.events(limit=1)), default=0)
        errors = ticking.tick(host, product)
        code = show(host, errors, as_json=as_json)
        return code or _person_code(host, product, newest)


def _person_code(host: Host, product: str | None, newest: int) -> int:
    """Return the exit code that a person expects: a trial that went back is no success."""
    fresh = [event for event in host.journal.events(product) if event["id"] > newest]
    if any(event["outcome"] == "failed" for event in fresh):
        return UnhealthyError.exit_code
    decisions = [host.journal.recall(f"decision/{work.name}") or {} for work in host.works(product)]
    no = any(seen.get("action") == "refuse" or seen.get("rule") in {"observed", "left"} for seen in decisions)
    return UnsuitableError.exit_code if no else 0
