"""``tidegate audit``."""

from dataclasses import asdict
from pathlib import Path

import click
from msgspec import to_builtins

from repo_tools.audit.files import listings, recompute, size_bytes
from repo_tools.audit.findings import Finding, Known, known_in, without_known
from repo_tools.audit.readonly import Reading
from repo_tools.audit.report import Report
from repo_tools.audit.report import audit as work
from repo_tools.audit.rules.order import put_back
from repo_tools.audit.sources import open_source
from repo_tools.cli.app import App, reads
from repo_tools.cli.reading import content, trusted_root
from repo_tools.output import Answer, Sheet, counted, to_minute

_SAVE = "tidegate --json audit … >looked-at.json saves one"


@click.command()
@click.argument("url")
@click.option(
    "--root", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Whom you trust."
)
@click.option(
    "--known",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An answer (--json) that you have looked at: what it found is a note, what it saw must be there.",
)
@click.option("--files", is_flag=True, help="Recompute the digest of every file, too.")
@reads
def audit(app: App, url: str, root: Path, known: Path | None, files: bool) -> Answer:
    """Prove the whole published history, from a root file on, with no trust in the store.

    URL is http(s)://…, file://… or a folder. Every root, timestamp and version of every role is read;
    signatures are judged by the delegator of that time, expiry by the signed issue time. Errors mean
    that trust is broken (exit code 12); warnings are for people to look at; notes only explain.

    \b
    Examples:
      tidegate audit https://updates.example.com --root root.json
      tidegate audit /srv/updates --root 1.root.json --files
      tidegate --json audit https://updates.example.com --root root.json --known looked-at.json
    """
    store = open_source(url, Path())
    with app.terminal.progress("reading", None, count=True) as on_count:
        report = work(store, trusted_root(app, root), app.now(), on_count)
    counts = dict(report.counts)
    if files:
        found, counts["files"] = _files(app, store, report)
        report = Report(report.history, [*report.findings, *found])
    before = known_in(content(known, _SAVE)) if known else Known()
    gone = put_back(report.history, before.served) if before.served else ()
    report = Report(report.history, without_known([*report.findings, *gone], before))
    data = {
        "location": report.history.collected.location,
        "root": report.history.collected.anchor.number,
        "served": to_builtins(report.served),
        "counts": counts,
        "findings": [asdict(found) for found in report.findings],
    }
    return Answer(data, [*_begun(report), *_shown(report), _counted(counts)], report.failure)


def _files(app: App, store: Reading, report: Report) -> tuple[list[Finding], int]:
    listed = listings(report.history)
    with app.terminal.progress("recomputing", size_bytes(listed)) as on_bytes:
        return list(recompute(store, listed, on_bytes)), len(listed)


def _begun(report: Report) -> list[str]:
    number = report.history.collected.anchor.number
    if number == 1:
        return []
    given = f"begins at root {number}, which you gave; what came before is not judged"
    return [f"{given}: give 1.root.json to judge it all"]


def _shown(report: Report) -> list[str | Sheet]:
    notes = all(found.level == "note" for found in report.findings)
    holds = ["everything holds"] if notes else []
    rows = [[found.level, found.rule, to_minute(found.at), found.text] for found in report.findings]
    return [*holds, *([Sheet(["level", "rule", "when", "what"], rows)] if rows else [])]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(counted(number, what.removesuffix("s")) for what, number in counts.items())
