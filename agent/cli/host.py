"""Commands that talk to the repository: run, tick, check, update."""

from pathlib import Path
from typing import Any

import click

from agent import ask, settings, unattended
from agent import tick as ticking
from agent.host import Host, opened
from agent.unattended import show
from agent.work import Work
from metadata.errors import UnhealthyError, UnsuitableError

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
one_product = click.option("--product", metavar="NAME", help="Only this product.")
_NOT_ORDERED = "nothing orders it here yet"


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
def check(config: Path, product: str | None, *, as_json: bool) -> int:
    """Poll and show what would be done now; changes nothing."""
    return ask.check(config, product, as_json=as_json)


@click.command()
@one_product
@click.option(
    "--now",
    is_flag=True,
    help="Do not wait for this host's turn, where the channel's policy allows that; a hold still holds.",
)
@as_json
@click.pass_obj
def update(config: Path, product: str | None, *, now: bool, as_json: bool) -> int:
    """Do what a tick does, for a person, and say which release is the newest and why it is not here.

    Exits 13 when the answer is no (with --now: or not yet), also where this host gave the newest release up,
    and 14 when a trial went back.
    """
    found, unknown = settings.load(config)
    settings.refuse_unknown(config, unknown)
    with opened(found, hurried=now) as host:
        last = max((event["id"] for event in host.journal.events(limit=1)), default=0)
        errors = ticking.tick(host, product)
        code = show(host, errors, as_json=as_json, more=_newest(host, product))
        return code or _person_code(host, product, last)


def _newest(host: Host, product: str | None) -> list[str]:
    """Return a line for each product whose newest release does not run here."""
    lines = []
    for work in host.works(product):
        seen, running = _decided(work), work.slots.running()
        newest = seen.get("newest")
        if newest in {None, running} or seen.get("version") == newest:
            continue
        why = "this host gave it up: tidegate-agent quarantine list" if _gave_up(work) else _NOT_ORDERED
        lines.append(f"  {newest} is the newest release of {work.name}; {why}")
    return lines


def _person_code(host: Host, product: str | None, last: int) -> int:
    """Return the exit code that a person expects: a trial that went back is no success."""
    fresh = [event for event in host.journal.events(product) if event["id"] > last]
    if any(event["outcome"] == "failed" for event in fresh):
        return UnhealthyError.exit_code
    return UnsuitableError.exit_code if any(map(_is_no, host.works(product))) else 0


def _is_no(work: Work) -> bool:
    """Return whether a product's decision is a no to the person who asked."""
    seen = _decided(work)
    if _gave_up(work):
        return True
    if work.hurried and seen.get("action") in {"stay", "wait"}:
        return seen.get("rule") != "current"
    return seen.get("action") == "refuse" or seen.get("rule") in {"observed", "left"}


def _gave_up(work: Work) -> bool:
    """Return whether the newest release of a product failed here, and is not tried again."""
    newest = _decided(work).get("newest")
    failed = {entry["version"] for entry in work.journal.given_up(work.name)}
    return newest in failed and newest != work.slots.running()


def _decided(work: Work) -> dict[str, Any]:
    return work.journal.recall(f"decision/{work.name}") or {}
