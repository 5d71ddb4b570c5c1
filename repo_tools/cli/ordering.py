"""Stage what a person asks of a channel, and show it: shared by all commands that order something."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from metadata.errors import UsageError
from repo_tools import moments
from repo_tools.cli.app import App
from repo_tools.desk import Desk
from repo_tools.output import Answer
from repo_tools.publishing.words import planned_changes, staged_changes
from repo_tools.roles import Channel
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.preparing import Ask, Judge, Make, Prepared, prepare
from repo_tools.rollouts.staging import stage
from repo_tools.rollouts.tables import planned, table
from repo_tools.signing import following


def changed(
    app: App, channel: str, options: dict[str, Any], make: Make, judge: Judge | None = None
) -> Answer:
    """Stage what ``make`` makes of a channel and of the options, unless ``judge`` refuses, and show it."""
    desk = app.desk()
    ask = asked(app, options, make, judge)
    return staged(app, desk, prepare(desk, desk.channel(channel), ask), dry=options["dry_run"])


def asked(app: App, options: dict[str, Any], make: Make, judge: Judge | None) -> Ask:
    """Return what the options ask for."""
    return Ask(make, partial(_terms, app, options), lead_of(options), judge)


def next_steps(desk: Desk, _: Channel) -> list[str]:
    """Return what is staged, and what comes next."""
    return [*staged_changes(desk), following(desk)]


def staged(
    app: App,
    desk: Desk,
    prepared: Prepared,
    *,
    dry: bool,
    lines: Callable[[Desk, Channel], Sequence[str]] = next_steps,
) -> Answer:
    """Say what is to be said, stage a change unless it is tried only, and show it with lines below."""
    for note in prepared.notes:
        app.terminal.note(note)
    for warning in prepared.warnings:
        app.terminal.warn(warning)
    state, change = prepared.state, prepared.change
    if dry:
        return planned(desk, state, change, planned_changes(desk, state, change))
    stage(desk, state, change)
    return table(desk, state.channel, lines(desk, state.channel))


def lead_of(options: dict[str, Any]) -> timedelta | None:
    """Return the time for signatures that was asked for: none before a time that was said."""
    at, given = options.get("not_before"), options.get("lead")
    if at and given:
        raise UsageError("--lead and --not-before exclude each other", "say one of them")
    return timedelta(seconds=moments.seconds(given or "0s")) if at or given else None


def _terms(app: App, options: dict[str, Any], lead: timedelta) -> Terms:
    not_before = moments.moment(options.get("not_before") or "now", app.now()) + lead
    not_after, spread = options.get("not_after"), options.get("spread_s")
    return Terms(
        not_before,
        moments.moment(not_after, not_before) if not_after else None,
        moments.seconds(spread) if spread is not None else None,
        urgent=options.get("urgent", False),
        retry=options.get("retry", 0),
        by=options["by"],
        reason=options["reason"],
    )
