"""``tidegate fleet collect``, ``query`` and ``export``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repo_tools.cli.app import App, reads
from repo_tools.output import Answer, Sheet, counted

if TYPE_CHECKING:
    from repo_tools.collect.run import Summary

MOST_NAMED = 10
"""Agents that a line names."""

in_lake = click.option(
    "--lake",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where it is kept. [lake/ in the workspace]",
)


@click.command("collect")
@click.argument("box", metavar="LOCATION")
@in_lake
@reads
def collect(app: App, box: str, lake: Path | None) -> Answer:
    """Verify what hosts dropped at LOCATION, a folder or s3://…, and count what is new.

    \b
    Example:
      tidegate fleet collect /srv/reports
    """
    from contextlib import closing

    from repo_tools.collect.joining import gate_of
    from repo_tools.collect.lake import Lake
    from repo_tools.collect.placing import Maps
    from repo_tools.collect.run import Collector
    from repo_tools.collect.workers import Workers
    from repo_tools.fleet import enrolment
    from repo_tools.store import open_store

    desk = app.desk().published()
    store = open_store(box, Path(), desk.workspace.settings.s3)
    with (
        closing(Lake(lake or desk.workspace.folder / "lake")) as opened,
        Workers() as workers,
        app.terminal.progress("collecting", count=True) as shown,
    ):
        gate = gate_of(enrolment.read(desk))
        collector = Collector(store, opened, gate, Maps(desk), app.now(), workers)
        found = collector.run(shown)
    return _answer(found)


def _answer(found: "Summary") -> Answer:
    data = {
        "objects": found.objects,
        "counted": found.counted,
        "again": found.again,
        "enrolled": found.enrolled,
        "set_aside": dict(found.asides),
        "clones": found.clones,
        "conflicts": [{"agent": agent, "seq": seq} for agent, seq in found.conflicts],
    }
    lines = [f"{counted(found.counted, 'report')} counted, from {counted(found.objects, 'new file')}"]
    lines += [f"enrolled: {_few(found.enrolled)}"] if found.enrolled else []
    lines += [f"set aside as {reason}: {number}" for reason, number in sorted(found.asides.items())]
    twice = sorted({agent for agent, _ in found.conflicts})
    lines += [f"two reports under one number: {_few(twice)}"] if twice else []
    lines += [f"two machines under one identity: {_few(found.clones)}"] if found.clones else []
    return Answer(data, lines)


def _few(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


@click.command("query")
@click.argument("name", required=False)
@click.option("--sql", metavar="TEXT", help="A question of your own to the table reports.")
@in_lake
@reads
def query(app: App, name: str | None, sql: str | None, lake: Path | None) -> Answer:
    """Ask what was collected; without NAME, list the questions.

    \b
    Examples:
      tidegate fleet query progress
      tidegate fleet query --sql "SELECT count(DISTINCT agent) FROM reports"
    """
    from repo_tools.collect import asking

    if name is None and sql is None:
        known = asking.names()
        return Answer(known, [Sheet(["query", "what it asks"], list(map(list, known.items())))])
    found = asking.ask(lake or app.folder / "lake", sql or asking.text(str(name)))
    data = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    rows = [["" if value is None else str(value) for value in row] for row in found.rows]
    return Answer(data, [Sheet(found.columns, rows) if rows else "nothing to say"])


@click.command("export")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--query", "name", metavar="NAME", help="The answer to this question; everything by default.")
@in_lake
@reads
def export(app: App, target: Path, name: str | None, lake: Path | None) -> Answer:
    """Write what was collected to FILE, as CSV or Parquet by its suffix.

    \b
    Example:
      tidegate fleet export reports.csv
    """
    from repo_tools.collect import asking

    statement = asking.text(name) if name else "SELECT * FROM reports ORDER BY agent, seq"
    number = asking.export(lake or app.folder / "lake", target, statement)
    return Answer({"rows": number, "file": str(target)}, [f"{counted(number, 'row')} in {target}"])
