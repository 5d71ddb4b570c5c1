"""``tidegate check``."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from metadata.errors import CheckFailedError, TidegateError, UsageError
from repo_tools.audit.past import desk_on
from repo_tools.audit.readonly import Reading
from repo_tools.checks import table
from repo_tools.checks.clients import Overlay, Rehearsal, every_past, rehearsal
from repo_tools.checks.facts import Facts, Finding, gather
from repo_tools.checks.metrics import openmetrics
from repo_tools.checks.seen import Seen, look
from repo_tools.cli.app import App, reads
from repo_tools.cli.reading import published
from repo_tools.desk import Desk
from repo_tools.output import Answer, Sheet, counted
from repo_tools.publishing.rehearsing import staged


@click.command()
@click.option("--url", metavar="URL", help="Check what is live there, without a workspace.")
@click.option(
    "--root", type=click.Path(path_type=Path), metavar="FILE", help="Root you trust. [the workspace's]"
)
@click.option("--files", is_flag=True, help="Read every listed file, too, and not only its length.")
@click.option("--openmetrics", "as_metrics", is_flag=True, help="Print OpenMetrics text, for monitoring.")
@reads
def check(app: App, url: str | None, root: Path | None, files: bool, as_metrics: bool) -> Answer:
    """Look for what would hurt agents, in what is live with everything staged over it.

    Real clients read it, too: new ones, and ones that remember each earlier publication, for every wave, now
    and at the last moment at which the timestamp counts. Every listed file must be there, in its length.

    \b
    Examples:
      tidegate check
      tidegate check --url https://updates.example.com --root root.json --openmetrics
    """
    if root is not None and url is None:
        raise UsageError("--root says whom to trust at a URL", "name it with --url")
    desk, store = _desk(app, url, root)
    seen = _seen(app, desk, store, files=files)
    facts = gather(desk, publishing=False, seen=seen)
    found, clients = _judged(app, desk, facts)
    errors = sum(one.level == "error" for one in found)
    failure = CheckFailedError(f"{counted(errors, 'thing')} would hurt agents") if errors else None
    data = {
        "findings": [asdict(one) for one in found],
        "rules": [rule.__name__ for rule in table.RULES],
        "clients": clients,
        "expiry_days": {role: (when - facts.now).days for role, when in sorted(facts.expiries.items())},
    }
    if as_metrics:
        return Answer(data, list(openmetrics(facts, found)), failure)
    counts = ", ".join(
        (counted(len(table.RULES), "rule"), counted(len(facts.after), "role"), counted(clients, "client"))
    )
    return Answer(data, _shown(found, counts), failure)


def _desk(app: App, url: str | None, root: Path | None) -> tuple[Desk, Reading]:
    if url is None:
        desk = app.desk()
        return desk, desk.first
    store, trusted = published(app, url, root)
    return desk_on(store, trusted, app.now()), store


def _seen(app: App, desk: Desk, store: Reading, *, files: bool) -> Seen:
    if desk.live.timestamp is None:
        return Seen()
    with app.terminal.progress("reading", None) as on_bytes:
        return look(desk, store, files=files, on_bytes=on_bytes)


def _judged(app: App, desk: Desk, facts: Facts) -> tuple[list[Finding], int]:
    """Return what rules and clients find, and how many clients there were."""
    found = list(table.run(facts))
    if desk.live.timestamp is None and not desk.tree.staged():
        return found, 0
    before = rehearsal(desk.published(), Overlay(desk.store, {})) if desk.live.timestamp else None
    pasts = every_past(facts.seen.history) if facts.seen.history else []
    acts: list[Rehearsal] = [before] if before else []
    if desk.tree.staged():
        try:
            acts.append(staged(desk))
        except TidegateError as error:
            app.terminal.note(f"no client reads what is staged yet: {error.message}")
    clients = 0
    for act in acts:
        found += act.findings(desk.store, pasts)
        clients += 1 + len(pasts)
    return sorted(dict.fromkeys(found), key=lambda one: one.level), clients


def _shown(found: Sequence[Finding], count: str) -> list[str | Sheet]:
    if not found:
        return [f"nothing found ({count})"]
    rows = [[one.level, one.rule, one.text, one.hint] for one in found]
    return [Sheet(["level", "rule", "what", "what to do"], rows), count]
