"""``tidegate simulate``."""

from dataclasses import asdict, replace
from datetime import timedelta
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metadata.errors import UnsuitableError, UsageError
from repo_tools import moments
from repo_tools.cli.app import App, reads
from repo_tools.cli.lake import in_lake
from repo_tools.output import Answer, Sheet, counted, when

if TYPE_CHECKING:
    from repo_tools.simulate.run import Course, Plot

PICTURES = {".png", ".svg", ".pdf"}


class _Share(click.FloatRange):
    """Percent; NaN is neither below nor above anything, so a range alone lets it through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if isnan(found):
            self.fail(f"{value} is no percentage.", param, ctx)
        return found


_SHARE = _Share(0, 100)
ROWS = 24
"""Lines of a table at most; the picture and --json have every hour."""


@click.command()
@click.argument("channel")
@click.argument("version")
@click.option(
    "--strategy", type=click.Choice(["immediate", "scheduled", "gated"]), default="gated", show_default=True
)
@click.option("--preset", default="normal", show_default=True, metavar="NAME", help="The pace of waves.")
@click.option("--agents", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True)
@click.option("--fails", type=_SHARE, default=0.0, metavar="PERCENT", help="Hosts on which VERSION fails.")
@click.option(
    "--background", type=_SHARE, default=0.2, show_default=True, help="Percent that fail at any release."
)
@click.option("--offline", type=_SHARE, default=3.0, show_default=True, help="Percent that are never there.")
@click.option(
    "--part-time", type=_SHARE, default=0.0, help="Percent that are there for ten hours a day.  [default: 0]"
)
@click.option("--lasting", metavar="SPAN", default="6d", show_default=True, help="How much time goes by.")
@click.option(
    "--recorded", is_flag=True, help="Take the hosts that were collected; of the shares only --fails counts."
)
@in_lake
@click.option("--seed", type=int, default=0, help="Another number, another fleet.")
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw it: PNG or SVG."
)
@reads
def simulate(app: App, channel: str, version: str, **options: Any) -> Answer:
    """Let a rollout of VERSION run over a made-up fleet, in simulated time: nothing is staged.

    Every host decides as agents do, and every hour the gate looks at what they would have reported. Where it
    asks for a person, one signs four hours later. With --recorded the fleet is your own: its hosts in their
    waves, with what they run; who was silent for two days is not there, and where the last release failed,
    this one does.

    \b
    Examples:
      tidegate simulate stable 1.5.0
      tidegate simulate stable 1.5.0 --agents 1000000 --fails 5 --picture rollout.svg
      tidegate simulate stable 1.5.0 --recorded
    """
    from repo_tools.rollouts.state import read_state
    from repo_tools.simulate.run import simulate as let_run

    picture: Path | None = options["picture"]
    if picture:
        _refuse_undrawable(picture)
    desk = app.desk()
    state = read_state(desk, desk.channel(channel))
    plot = _plot(app, state, version, options)
    if options["recorded"]:
        plot = _recorded(app, state, plot, options["lake"])
    looks = int(plot.lasts / timedelta(seconds=plot.look_s))
    with app.terminal.progress("simulating", looks, count=True) as shown:
        course = let_run(state, plot, shown)
    if picture:
        from repo_tools.simulate.picture import draw

        draw(course, _title(plot), picture)
    return _answer(plot, course, picture)


def _refuse_undrawable(picture: Path) -> None:
    if picture.suffix not in PICTURES:
        hint = f"its name ends in one of: {', '.join(sorted(PICTURES))}"
        raise UsageError(f"{picture} is no picture", hint)
    if not picture.parent.is_dir():
        raise UsageError(f"there is no folder {picture.parent} to draw in", "make it, or choose another")


def _plot(app: App, state: Any, version: str, options: dict[str, Any]) -> "Plot":
    from repo_tools.rollouts import plans
    from repo_tools.simulate.fleet import Fleet
    from repo_tools.simulate.run import Plot

    shares = {name: options[name] / 100 for name in ("offline", "part_time", "background")}
    fleet = Fleet(options["agents"], bad=options["fails"] / 100, seed=options["seed"], **shares)
    artifacts = state.catalog.release(version).artifacts
    if not artifacts:
        raise UnsuitableError(
            f"{version} has nothing for any platform", "tidegate release add adds artifacts"
        )
    running = _running(state)
    if running == version and not options["recorded"]:
        hint = "choose one that was not started yet, or --recorded: hosts as they are"
        raise UnsuitableError(f"every made-up host runs {version} already", hint)
    return Plot(
        version=version,
        running=running,
        plan=plans.plan(options["strategy"], options["preset"]),
        fleet=fleet,
        platform=artifacts[0].platform,
        begins=app.now(),
        lasts=timedelta(seconds=moments.seconds(options["lasting"])),
    )


def _recorded(app: App, state: Any, plot: "Plot", lake: Path) -> "Plot":
    from repo_tools.simulate.recorded import recorded

    return replace(plot, fleet=recorded(lake, state.channel, app.now(), plot.fleet))


def _running(state: Any) -> str:
    """Return what hosts run before: the base, or what the last wave was ordered to run."""
    ordered = next((wave.order for wave in reversed(state.waves) if wave.order), None)
    if ordered is None:
        return ""
    return str(ordered.base.version if ordered.base else ordered.version)


def _answer(plot: "Plot", course: "Course", picture: Path | None) -> Answer:
    peak = {
        "requests": max(point.requests for point in course.points),
        "bytes": max(point.sent_bytes for point in course.points),
    }
    lines = [f"{when(event.at)}  {event.text}" for event in course.events]
    lines += [
        f"{counted(course.exposed, 'host')} started it, on {counted(course.failed, 'host')} it failed",
        f"at the most {peak['requests']:,} requests and {peak['bytes'] / 1e6:,.0f} MB an hour",
    ]
    lines += [f"drawn: {picture}"] if picture else []
    return Answer({**asdict(course), "peak": peak}, [_sheet(plot, course), *lines])


def _sheet(plot: "Plot", course: "Course") -> Sheet:
    """Return the fleet by version, as long as anything changes."""
    points = course.points
    while len(points) > 1 and points[-1].versions == points[-2].versions:
        points = points[:-1]
    step = -(-len(points) // ROWS)
    names = [plot.running, *sorted(_versions(course) - {plot.running, plot.version}), plot.version]
    rows = [
        [
            when(point.at),
            *(f"{point.versions.get(name, 0):,}" for name in names),
            f"{point.sent_bytes / 1e6:,.0f}",
        ]
        for point in points[::-step][::-1]
    ]
    return Sheet(["at", *(name or "nothing" for name in names), "MB in the hour"], rows, _title(plot))


def _versions(course: "Course") -> set[str]:
    return {name for point in course.points for name, count in point.versions.items() if count}


def _title(plot: "Plot") -> str:
    fleet = plot.fleet
    bad = f", fails on {100 * fleet.bad:g} %" if fleet.bad else ""
    return f"{plot.version} to {fleet.text}: {plot.plan.strategy}, {plot.plan.preset}{bad}"
