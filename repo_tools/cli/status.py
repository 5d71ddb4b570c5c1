"""``tidegate status``."""

from typing import Any

import click

from repo_tools.checks.facts import gather
from repo_tools.cli.app import App, reads
from repo_tools.desk import Desk
from repo_tools.output import Answer, Sheet, moment
from repo_tools.publishing.words import staged_changes
from repo_tools.signed.signing import signings
from repo_tools.signed.signing import stale as stale_in
from repo_tools.signing import following


@click.command()
@reads
def status(app: App) -> Answer:
    """Show what is staged, who has signed it, who still must, and what expires when.

    \b
    Example:
      tidegate status
    """
    desk = app.desk()
    wording, signed = staged_changes(desk), _signed(desk)
    found = gather(desk, publishing=False).expiries
    expiries = {role: moment(when) for role, when in sorted(found.items(), key=lambda item: item[1])}
    overtaken = [role for role in desk.tree.staged() if desk.tree.overtaken(role)]
    stale = {role: len(ids) for role in desk.tree.staged() if (ids := stale_in(desk.tree, role))}
    data = {
        "store": desk.store.location,
        "published": desk.live.version("timestamp") or None,
        "staged": wording,
        "signatures": signed,
        "overtaken": overtaken,
        "stale": stale,
        "expiries": expiries,
    }
    rows = [[item["role"], str(item["version"]), item["signed"], item["needed"]] for item in _rows(signed)]
    soon = [[role, when] for role, when in expiries.items()]
    staged = [Sheet(["role", "version", "signed by", "still needed"], rows, "staged")] if rows else []
    late = [f"somebody published {', '.join(overtaken)} meanwhile: prepare that anew"] if overtaken else []
    late += [
        f"{role} changed after {count} signed it: those signatures do not count"
        for role, count in stale.items()
    ]
    return Answer(data, [*wording, *staged, Sheet(["role", "expires"], soon), *late, following(desk)])


def _signed(desk: Desk) -> list[dict[str, Any]]:
    return [
        {
            "role": found.role,
            "version": found.version,
            "threshold": found.threshold,
            "signed": [key.name for key in found.signed],
            "unsigned": [key.name for key in found.unsigned],
            "missing": found.missing,
        }
        for role in desk.tree.staged()
        for found in signings(desk.tree, role)
    ]


def _rows(signed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for item in signed:
        missing = f"{item['missing']} of {', '.join(item['unsigned'])}" if item["missing"] else "-"
        rows.append({**item, "signed": ", ".join(item["signed"]) or "-", "needed": missing})
    return rows
