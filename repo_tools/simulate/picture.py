"""Draw the course of a simulated rollout."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from repo_tools.simulate.run import Course

_COLOURS = ("#b8c4ce", "#1f6f8b", "#e07a5f", "#81b29a", "#f2cc8f")


def draw(course: Course, title: str, target: Path) -> None:
    """Write versions and load by the hour as a picture; the target's suffix says which kind."""
    times = [point.at for point in course.points]
    names = sorted({name for point in course.points for name in point.versions})
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 5.5), layout="constrained")
        hosts, load = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        layers = [[point.versions.get(name, 0) for point in course.points] for name in names]
        labels = [name or "nothing" for name in names]
        hosts.stackplot(times, layers, labels=labels, colors=_COLOURS)
        hosts.set_ylabel("hosts")
        hosts.set_title(title, loc="left")
        for event in course.events:
            hosts.axvline(event.at, color="#444", linewidth=0.8, linestyle=":")
            hosts.annotate(
                event.text.partition(":")[0],
                (event.at, 0.98),
                xycoords=("data", "axes fraction"),
                xytext=(3, 0),
                textcoords="offset points",
                va="top",
                fontsize=8,
            )
        hosts.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names), frameon=False)
        hosts.yaxis.set_major_formatter("{x:,.0f}")
        load.plot(times[1:], [point.sent_bytes / 1e6 for point in course.points[1:]], color=_COLOURS[1])
        load.set_ylabel("MB an hour")
        load.yaxis.set_major_formatter("{x:,.0f}")
        load.set_ylim(bottom=0)
        locator = AutoDateLocator()
        load.xaxis.set_major_locator(locator)
        load.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        figure.savefig(target, dpi=150)
