"""Commands that only read the journal: status, explain, history."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from agent import identity, output, settings
from agent.identity import Identity
from agent.journal import Journal
from agent.settings import Settings
from agent.status import status as status_of
from metadata import places

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@contextlib.contextmanager
def reading(config: Path) -> Iterator[tuple[Settings, Journal, Identity]]:
    """Open the journal to read it, whatever else is at work."""
    found, unknown = settings.load(config)
    for name in unknown:
        output.warning(f"settings {config} have an unknown key: {name}")
    who, _ = identity.load(found.state_folder)
    journal = Journal(found.state_folder / "journal.db")
    try:
        yield found, journal, who
    finally:
        journal.close()


@click.command()
@as_json
@click.pass_obj
def status(config: Path, *, as_json: bool) -> None:
    """Show what runs here, where it stands and why."""
    with reading(config) as (found, journal, who):
        document = status_of(found, journal, who.agent)
    output.result(document, output.product_lines(document), as_json=as_json)


@click.command()
@as_json
@click.pass_obj
def explain(config: Path, *, as_json: bool) -> None:
    """Explain the last decision: on which route the order came, by which rule it was answered."""
    with reading(config) as (found, journal, who):
        entries = []
        for product in found.product:
            noted = journal.recall(f"decision/{product.name}") or {}
            trouble = journal.recall(f"trouble/{product.name}")
            noted = {**noted, "trouble": trouble} if trouble else noted
            entries.append({"name": product.name, "channel": product.channel, **noted})
    agent = who.agent
    cohort = f", with the place of cohort {who.cohort_id}" if who.cohort_id else ""
    routes = f"own routes {places.pick_route(agent)} and {places.own_digits(agent)}"
    lines = [f"agent {agent}{cohort}, {routes}"]
    lines += [line for entry in entries for line in _explained(entry)]
    document = {
        "agent": agent,
        **({"cohort_id": who.cohort_id} if who.cohort_id else {}),
        "products": entries,
    }
    output.result(document, lines, as_json=as_json)


def _explained(entry: dict[str, Any]) -> list[str]:
    """Return one product's last decision in words; one that a trouble came after is no word about today."""
    trouble = entry.get("trouble")
    last = "last decided: " if trouble and "action" in entry else ""
    about = (
        f"{entry['name']}/{entry['channel']}: route {entry.get('route') or 'none'}, "
        f"wave {entry.get('wave') or 'none'}, rollout {entry.get('rollout') or 'none'}"
    )
    said = (
        f"  {last}{entry.get('action', 'nothing decided')} by rule {entry.get('rule', 'none')}: "
        f"{entry.get('text', 'run: tidegate-agent tick')}"
    )
    return [about, said, output.trouble_line(trouble)] if trouble else [about, said]


@click.command()
@click.option("--product", metavar="NAME", help="Only this product.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many lines."
)
@as_json
@click.pass_obj
def history(config: Path, product: str | None, limit: int, *, as_json: bool) -> None:
    """Show what happened here, newest first."""
    with reading(config) as (_, journal, who):
        events = journal.events(product, limit)
    rows = [["at", "product", "from", "to", "stage", "outcome", "why"]]
    for event in events:
        why = ": ".join(part for part in (event["reason"], event["detail"][:100]) if part)
        versions = [event["from"] or "-", event["to"] or "-"]
        rows.append([event["at"], event["product"], *versions, event["stage"], event["outcome"], why])
    output.result({"agent": who.agent, "events": events}, output.table(rows), as_json=as_json)
