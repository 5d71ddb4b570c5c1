"""``tidegate inspect``."""

from pathlib import Path
from typing import Any

import click

from repo_tools.audit import inspect as work
from repo_tools.audit.history import ordered, since
from repo_tools.audit.inspect import Standing
from repo_tools.audit.past import desk_on
from repo_tools.audit.readonly import Reading
from repo_tools.audit.walk import Walk
from repo_tools.cli.app import App, reads
from repo_tools.cli.reading import published
from repo_tools.desk import Desk
from repo_tools.output import Answer, Sheet, counted, moment, to_minute
from repo_tools.roles import ONLINE
from repo_tools.signing import who


@click.command()
@click.argument("url")
@click.argument("what", metavar="ROLE|PATH")
@click.option(
    "--root", type=click.Path(path_type=Path), metavar="FILE", help="Root you trust. [the workspace's]"
)
@click.option("--ages", is_flag=True, help="Walk the history, and say since when it is public.")
@reads
def inspect(app: App, url: str, what: str, root: Path | None, ages: bool) -> Answer:
    """Show a live role or document with everything resolved: names, ages, shares, expiry, who may sign.

    \b
    Examples:
      tidegate inspect https://updates.example.com agent.stable --root root.json
      tidegate inspect /srv/updates rollout/agent/stable/policy
    """
    store, trusted = published(app, url, root)
    desk = desk_on(store, trusted, app.now())
    answer = _role(desk, what) if "/" not in what else _path(desk, what)
    return _aged(app, answer, store, trusted) if ages else answer


def _aged(app: App, answer: Answer, store: Reading, root: bytes) -> Answer:
    here = answer.data if "since" in answer.data else answer.data["role"]
    with app.terminal.progress("reading", None, count=True) as on_count:
        history = ordered(Walk(store, on_count).collect(root))
    here["since"] = moment(since(history, here["role"], here["version"]))
    return Answer(
        answer.data, [*answer.text, f"{here['role']} {here['version']} is public since {here['since']}"]
    )


def _role(desk: Desk, role: str) -> Answer:
    here = work.standing(desk, role)
    view = desk.tree.find(role) if role not in ONLINE else None
    below = [work.standing(desk, name) for name in view.delegations] if view and role != "root" else []
    if role == "root":
        below = [work.standing(desk, name) for name in (*ONLINE, "targets")]
    listed = work.entries(desk, view) if view else []
    data = {**_data(here), "below": [_data(one) for one in below], "lists": listed}
    text: list[str | Sheet] = [_line(here)]
    if below:
        rows = [[one.role, str(one.version), one.share or "-", _left(one), _signers(one)] for one in below]
        text.append(Sheet(["role", "version", "share", "expires", "who may sign"], rows, "delegates to"))
    if listed:
        text.append(Sheet(["path", "what"], [[one["path"], one["what"]] for one in listed], "lists"))
    return Answer(data, text)


def _path(desk: Desk, path: str) -> Answer:
    role, entry = work.target(desk, path)
    here = work.standing(desk, role)
    shown = {
        "order": work.order(entry),
        "document": work.document(desk, entry),
        "evidence": work.evidence(desk, entry),
    }
    data = {
        "path": path,
        "role": _data(here),
        "length": entry.length,
        "sha256": entry.sha256,
        **shown,
    }
    text: list[str | Sheet] = [f"{path}: {entry.length:,} bytes, sha256 {entry.sha256}", _line(here)]
    for title, found in shown.items():
        if found:
            rows = [[name, _plain(value)] for name, value in found.items()]
            text.append(Sheet(["field", "value"], rows, title))
    return Answer(data, text)


def _data(one: Standing) -> dict[str, Any]:
    signers = one.delegation
    return {
        "role": one.role,
        "version": one.version,
        "expires": moment(one.expires_at),
        "days_left": one.left.days,
        "threshold": signers.threshold if signers else None,
        "may_sign": [key.name for key in signers.keys] if signers else [],
        "paths": list(signers.paths) if signers else [],
        "share": one.share or None,
        "since": None,
    }


def _line(one: Standing) -> str:
    share = f" for {one.share}" if one.share else ""
    return f"{one.role} {one.version}{share}: signed by {_signers(one)}; expires {_left(one)}"


def _signers(one: Standing) -> str:
    found = one.delegation
    return f"{found.threshold} of {who(found.keys)}" if found else "nobody any more"


def _left(one: Standing) -> str:
    left = f"in {counted(one.left.days, 'day')}" if one.left.days >= 0 else "in the past"
    return f"{left}, {to_minute(one.expires_at)}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items() if inner is not None)
    if isinstance(value, list):
        return "; ".join(_plain(inner) for inner in value) or "-"
    return "-" if value is None else str(value)
