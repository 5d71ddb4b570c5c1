"""``tidegate fleet collect``, ``query`` and ``export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from repo_tools.cli.app import App, reads
from repo_tools.output import Answer, Sheet, counted
from repo_tools.workspace import LAKE

if TYPE_CHECKING:
    from repo_tools.collect.run import Summary

_SENT = "hosts that enrol by a token send them where tidegate fleet reports says"
MOST_NAMED = 10
"""Agents that a line names."""


def _place(ctx: click.Context, _parameter: click.Parameter, said: Path | None) -> Path:
    """Return where the lake is: beside the workspace's other files, unless somebody says otherwise."""
    app = ctx.find_object(App)
    assert app is not None  # the program makes it before it reads a command's options
    return said or app.folder / LAKE


in_lake = click.option(
    "--lake",
    metavar="DIR",
    type=click.Path(path_type=Path),
    callback=_place,
    help="Where it is kept. [lake/ in the workspace]",
)


@click.command("collect")
@click.argument("box", metavar="LOCATION")
@in_lake
@click.option("--dry-run", is_flag=True, help="Verify and say what would be counted, and keep nothing.")
@reads
def collect(app: App, box: str, lake: Path, *, dry_run: bool) -> Answer:
    """Verify what hosts dropped at LOCATION, a folder or s3://…, and count what is new.

    \b
    Examples:
      tidegate fleet collect /srv/reports
      tidegate fleet collect s3://example-reports/fleet --dry-run
    """
    from repo_tools.collect.box import opened as open_box
    from repo_tools.collect.days import is_empty
    from repo_tools.collect.joining import gate_of
    from repo_tools.collect.lake import opened
    from repo_tools.collect.placing import Maps
    from repo_tools.collect.run import Collector
    from repo_tools.collect.workers import Workers
    from repo_tools.fleet import enrolment

    desk = app.desk().published()
    store = open_box(box, desk.workspace.settings.s3)
    gate = gate_of(enrolment.read(desk))
    with (
        opened(lake, keep=not dry_run) as lake_at_hand,
        Workers() as workers,
        app.terminal.progress("collecting", count=True) as shown,
    ):
        found = Collector(store, lake_at_hand, gate, Maps(desk), app.now(), workers).run(shown)
    answer = _answer(found, "would count" if dry_run else "counted")
    if found.objects or not is_empty(lake):
        return answer
    return Answer(answer.data, [*answer.text, f"no report lies in {box}: {_SENT}"])


def _answer(found: "Summary", verb: str) -> Answer:
    data = {
        "objects": found.objects,
        "counted": found.counted,
        "again": found.again,
        "enrolled": found.enrolled,
        "set_aside": found.asides,
        "clones": found.clones,
        "conflicts": [{"agent": agent, "seq": seq} for agent, seq in found.conflicts],
    }
    lines = [f"{verb} {counted(found.counted, 'report')} from {counted(found.objects, 'new file')}"]
    lines += [f"counted before: {found.again:,}"] if found.again else []
    lines += [f"enrolled: {_few(found.enrolled)}"] if found.enrolled else []
    lines += [f"set aside as {reason}: {number:,}" for reason, number in found.asides.items()]
    twice = sorted({agent for agent, _ in found.conflicts})
    lines += [f"two reports under one number: {_few(twice)}"] if twice else []
    lines += [f"two machines under one identity: {_few(found.clones)}"] if found.clones else []
    return Answer(data, lines)


def _few(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a question."""
    from repo_tools.collect import asking

    return [
        CompletionItem(name, help=what)
        for name, what in asking.names().items()
        if name.startswith(incomplete)
    ]


@click.command("query")
@click.argument("name", required=False, shell_complete=_names)
@click.option("--sql", metavar="TEXT|FILE", help="A question of your own, or a file that ends in .sql.")
@click.option(
    "--where", "wishes", metavar="COLUMN=TEXT", multiple=True, help="Only these rows of it. Repeat it."
)
@click.option(
    "--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb", help="What answers. [duckdb]"
)
@in_lake
@reads
def query(app: App, name: str | None, lake: Path, **options: Any) -> Answer:
    """Ask what was collected; without NAME, list the questions.

    \b
    Examples:
      tidegate fleet query progress --where rollout=stable-0007
      tidegate fleet query --sql "SELECT count(DISTINCT agent) FROM reports"
      tidegate fleet query versions --engine spark
    """
    from repo_tools.collect import asking

    if name is None and options["sql"] is None:
        known = asking.names()
        return Answer(known, [Sheet(["query", "what it asks"], list(map(list, known.items())))])
    statement = asking.wanted(name, options["sql"])
    wishes = [asking.wish(text) for text in options["wishes"]]
    with app.terminal.progress(f"asking {options['engine']}"):
        found = asking.ask(lake, statement, options["engine"])
    found = asking.only(found, wishes)
    data = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    rows = [["" if value is None else str(value) for value in row] for row in found.rows]
    alike = [name for name in ("product", "channel") if len({row.get(name) for row in data}) == 1]
    spare = [name for name in alike if name in found.columns]
    return Answer(data, [Sheet(found.columns, rows, spare=spare) if rows else "nothing to say"])


@click.command("export")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--query",
    "name",
    metavar="NAME",
    shell_complete=_names,
    help="The answer to this question; everything by default.",
)
@in_lake
@reads
def export(app: App, target: Path, name: str | None, lake: Path) -> Answer:
    """Write what was collected to FILE, as CSV or Parquet by its suffix.

    \b
    Examples:
      tidegate fleet export reports.csv
      tidegate fleet export failures.parquet --query failures
    """
    from repo_tools.collect import asking, duck

    statement = asking.text(name) if name else asking.EVERYTHING
    asking.refuse_empty(lake)
    with app.terminal.progress("exporting"), duck.opened(lake) as opened:
        number = opened.export(statement, target)
    return Answer({"rows": number, "file": str(target)}, [f"{counted(number, 'row')} in {target}"])


@click.command("metrics")
@in_lake
@reads
def metrics(app: App, lake: Path) -> Answer:
    """Print what was collected as OpenMetrics text: hosts by presence and version, rollouts by outcome.

    \b
    Example, for a textfile collector:
      tidegate fleet metrics > fleet.prom.new && mv fleet.prom.new fleet.prom
    """
    from repo_tools.collect.metrics import openmetrics

    lines = list(openmetrics(lake, app.now()))
    return Answer({"lines": lines}, lines)
