"""Charts as SVG, drawn here: they need no script, and take their colours from the page's style sheet."""

import sys
from datetime import timedelta
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup

from repo_tools.pages.model import Timeline

# Pygal looks for plugins in a way that Python 3.12 does not know, and that warns at every later import.
sys.meta_path[:] = [one for one in sys.meta_path if type(one).__module__ != pygal.__name__]

WIDTH, HEIGHT = 640, 190
MOST_MARKS = 4
"""Times that are written below a chart."""
FORMS = ((timedelta(days=1), "%m-%d"), (timedelta(hours=1), "%m-%d %H:00"), (timedelta(0), "%H:%M"))
"""How times are written, by how far they are apart."""
_SVG = "http://www.w3.org/2000/svg"
_TAGS = ("defs", "title", "text-overlay", "tooltip-overlay", "titles", "legends")
"""What the library adds for pages that have its own style and script."""


def timeline(found: Timeline, title: str) -> Markup:
    """Return hosts by version over time as stacked areas; layer n has the class ``color-n``."""
    form = next(form for step, form in FORMS if found.step >= step)
    chart = pygal.StackedLine(
        fill=True,
        css=[],
        js=[],
        show_legend=False,
        show_dots=False,
        width=WIDTH,
        height=HEIGHT,
        margin=4,
        margin_right=30,
        spacing=6,
        max_scale=5,
        include_x_axis=True,
        show_minor_x_labels=False,
        x_labels_major_count=min(MOST_MARKS, len(found.at)),
        truncate_label=20,
        value_formatter=lambda number: f"{number:,.0f}",
    )
    chart.x_labels = [f"{at:{form}}" for at in found.at]
    for layer in found.layers:
        chart.add("", list(layer.counts))
    return _plain(chart.render(is_unicode=True), title)


def _plain(drawn: str, title: str) -> Markup:
    """Return a drawing without style, script and ids, and with a title that is read aloud."""
    ET.register_namespace("", _SVG)
    root = ET.fromstring(drawn)  # noqa: S314  # it was made here, from numbers and times
    for parent in root.iter():
        for child in [one for one in parent if _is_extra(one)]:
            parent.remove(child)
    root.attrib.pop("id", None)
    root.attrib |= {"class": "chart", "role": "img", "aria-label": title, "focusable": "false"}
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  # escaped by the library


def _is_extra(node: ET.Element) -> bool:
    tag = node.tag.removeprefix(f"{{{_SVG}}}")
    return tag in _TAGS or any(name in _TAGS for name in node.get("class", "").split())
