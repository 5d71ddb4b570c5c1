"""Draw the course of a simulated rollout."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from repo_tools.simulate.run import Course

_COLOURS = ("#b8c4ce", "#1f6f8b", "#e07a5f", "#81b29a", "#f2cc8f")


def draw(course: Course, title: str, target: Path) -> None:
    """Write versions and load by the hour as a picture; the target's suffix says which kind."""
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 5.5), layout="constrained")
        hosts, load = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        hosts.set_title(title, loc="left")
        _versions(hosts, course)
        _events(hosts, course)
        _load(load, course)
        figure.savefig(target, dpi=150)


def _versions(axes: Axes, course: Course) -> None:
    names = sorted({name for point in course.points for name in point.versions})
    layers = [[point.versions.get(name, 0) for point in course.points] for name in names]
    labels = [name or "nothing" for name in names]
    axes.stackplot([date2num(point.at) for point in course.points], layers, labels=labels, colors=_COLOURS)
    axes.set_ylabel("hosts")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names), frameon=False)


def _events(axes: Axes, course: Course) -> None:
    for place, event in enumerate(course.events):
        at = date2num(event.at)
        axes.axvline(at, color="#444", linewidth=0.8, linestyle=":")
        axes.annotate(
            event.text.partition(":")[0],
            (at, 0.99 - 0.05 * place),  # one below the other: events may be close
            xycoords=("data", "axes fraction"),
            xytext=(3, 0),
            textcoords="offset points",
            va="top",
            fontsize=8,
        )


def _load(axes: Axes, course: Course) -> None:
    points = course.points[1:]
    times = [date2num(point.at) for point in points]
    axes.plot(times, [point.sent_bytes / 1e6 for point in points], color=_COLOURS[1])
    axes.set_ylabel("MB an hour")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
