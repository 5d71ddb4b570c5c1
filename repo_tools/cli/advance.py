"""``tidegate rollout advance``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metadata.errors import SignaturesMissingError
from repo_tools.cli.app import App, changes
from repo_tools.cli.lake import in_lake
from repo_tools.cli.publishing import NOW, go_out
from repo_tools.cli.signing import tidied
from repo_tools.desk import Desk
from repo_tools.output import Answer, Sheet
from repo_tools.publishing.words import staged_changes
from repo_tools.rollouts.orders import Terms
from repo_tools.signing import following, missing, needed, only

if TYPE_CHECKING:
    from repo_tools.gate.job import Done, Task


@click.command()
@click.argument("channel")
@in_lake
@click.option("--by", metavar="TEXT", default="tidegate rollout advance", help="Who wants this.")
@click.option("--publish", is_flag=True, help="Publish what was prepared, if no signature is missing.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and stage nothing.")
@changes
def advance(app: App, channel: str, lake: Path, by: str, publish: bool, dry_run: bool) -> Answer:
    """Judge the newest gated rollout by its evidence: open its next wave, hold it everywhere, or wait.

    Made for a job: it never goes back, never completes and never lifts a hold. What it prepares it signs with
    the keys at hand; for the rest it says who must. Run tidegate fleet collect before.

    \b
    Examples:
      tidegate rollout advance stable --dry-run
      tidegate rollout advance stable --publish
    """
    from repo_tools.gate import job

    desk = app.desk()
    found = desk.channel(channel)
    if not dry_run:
        tidied(app, desk)
    task = job.look(desk, found, lake, Terms(desk.now, by=by))
    if dry_run:
        return Answer({**_data(task), "dry_run": True}, [*_lines(task, "would be "), "nothing was staged"])
    return _answer(app, desk, task, job.act(desk, found, task), publish=publish)


def _answer(app: App, desk: Desk, task: "Task", done: "Done", *, publish: bool) -> Answer:
    data = {**_data(task), "staged": list(done.roles), "signed": [one.role for one in done.signed]}
    lines = _lines(task)
    if not done.roles:
        return Answer(data, lines)
    own = desk.alone(done.roles)
    if publish and not missing(own):
        out = go_out(app, own, NOW)
        return Answer({**data, **out.data}, [*lines, *out.text])
    failure = _unsigned(own) if publish and task.step.verdict.action != "ask" else None
    return Answer(data, [*lines, *staged_changes(own), following(own)], failure)


def _unsigned(desk: Desk) -> SignaturesMissingError:
    """Return what a job fails with that was to publish and could not: somebody has to notice."""
    text = f"signatures are missing: {'; '.join(needed(missing(desk)))}"
    return SignaturesMissingError(text, f"they run: tidegate sign{only(desk)}")


def _data(task: "Task") -> dict[str, Any]:
    step = task.step
    counts = step.tally.counts if step.tally else None
    return {
        "action": step.verdict.action,
        "rule": step.verdict.rule,
        "text": step.verdict.text,
        "wave": step.wave,
        "counts": {**asdict(counts), "heard": counts.heard, "silent": counts.silent} if counts else None,
        "reports": {"count": step.tally.reports, "sha256": step.tally.sha256} if step.tally else None,
        "taken_back": list(task.back),
        "prepared_before": list(task.ready),
    }


def _lines(task: "Task", mood: str = "") -> list[str | Sheet]:
    step = task.step
    words = {**_WORDS, **_WOULD} if mood else _WORDS
    said = f"{words[step.verdict.action]}: {step.verdict.text}"
    back = [f"{mood}taken back, as it was prepared before: {', '.join(task.back)}"] if task.back else []
    if step.tally is None:
        return [said, *back]
    found = step.tally.counts
    names = ["wave", "members", "expected", "started", "ok", "failed", "silent", "unfit"]
    numbers = [
        found.members,
        found.expected,
        found.started,
        found.ok,
        found.failed,
        found.silent,
        found.unfit,
    ]
    return [Sheet(names, [[str(step.wave), *(f"{number:,}" for number in numbers)]]), said, *back]


_WORDS = {
    "open": "the next wave opens",
    "ask": "the next wave is prepared for a person to sign",
    "wait": "wait",
    "halt": "halt",
}
_WOULD = {
    "open": "the next wave would open",
    "ask": "the next wave would be prepared for a person to sign",
    "halt": "would halt",
}
