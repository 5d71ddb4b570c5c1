"""Turn models into pages, where whatever others wrote is text: escaped, on one line, of bounded length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from repo_tools.output import visible, when
from repo_tools.pages import charts
from repo_tools.pages.course import STANDS
from repo_tools.pages.fleet import KINDS

LONGEST = 4_000
"""Characters of one value on a page."""
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of every page: nothing inline, nothing from elsewhere."""
WITH_FORMS = POLICY.replace("form-action 'none'", "form-action 'self'")
"""That of a console's pages."""
STATIC = ("site.css", "live.js", "icon.svg")
STEERING = "steer"
"""The folder of the console's own scripts, which import each other by their names in it."""
_ROOM = files("repo_tools.pages") / "static"


@dataclass(frozen=True)
class Home:
    """Where pages are served from."""

    pages: str
    """What goes before the names of other pages."""
    assets: str
    """What goes before the names of assets."""
    status: str
    """What goes before files that stand beside the index."""


def page(template: str, home: Home, **values: Any) -> bytes:
    """Return a page."""
    policy = WITH_FORMS if values["prefix"] else POLICY
    shown = _environment().get_template(template).render(home=home, policy=policy, files=names(), **values)
    return shown.encode("utf-8", "backslashreplace")


def problem(prefix: str, notes: Sequence[str]) -> bytes:
    """Return a console's page for when there is none to show: it stands alone, whatever cannot be read."""
    return page("problem.html", Home(prefix, f"{prefix}assets/", prefix), prefix=prefix, notes=notes)


@cache
def assets(*, steering: bool = False) -> Mapping[str, bytes]:
    """Return style, scripts and pictures by names that change with their content."""
    found = _static() | (_scripts() if steering else {})
    return {names()[name]: data for name, data in found.items()}


@cache
def names() -> Mapping[str, str]:
    """Return what each asset is called; scripts that import each other change their folder's name."""
    scripts = _scripts()
    joined = b"".join(sha256(f"{name}\n".encode() + data).digest() for name, data in sorted(scripts.items()))
    alone = {name: _hashed(name, data) for name, data in _static().items()}
    return alone | {name: name.replace("/", f".{_digest(joined)}/") for name in scripts}


def _static() -> dict[str, bytes]:
    return {name: (_ROOM / name).read_bytes() for name in STATIC}


def _scripts() -> dict[str, bytes]:
    found = (_ROOM / STEERING).iterdir()
    return {f"{STEERING}/{one.name}": one.read_bytes() for one in found if one.name.endswith(".js")}


def _hashed(name: str, data: bytes) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{_digest(data)}.{suffix}"


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("repo_tools.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_said,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"time": _time, "number": _number, "percent": _percent}
    made.globals |= {"timeline": charts.timeline, "kinds": KINDS, "stands": STANDS}
    return made


def _said(value: Any) -> Any:
    """Return a value as a page may show it: nothing that a browser or a reader's eye would obey."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return "" if value is None else value
    return visible(value if len(value) <= LONGEST else f"{value[:LONGEST]}…")


def _time(at: datetime | None) -> Markup:
    """Return a time that a script may tell in the reader's own zone."""
    if at is None:
        return Markup("-")
    return Markup('<time datetime="{}">{}</time>').format(
        f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", when(at.replace(second=0, microsecond=0))
    )


def _number(value: int) -> str:
    return f"{value:,}"


def _percent(part: int, whole: int) -> str:
    if not whole:
        return "-"
    share = 100 * part / whole
    return f"{share:.1f} %" if 0 < share < 10 else f"{share:.0f} %"
