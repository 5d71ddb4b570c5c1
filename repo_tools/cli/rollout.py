"""``tidegate rollout``."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from metadata.errors import UsageError
from repo_tools import moments
from repo_tools.cli.advance import advance
from repo_tools.cli.app import App, changes, reads
from repo_tools.cli.hosts import chosen, said, which
from repo_tools.cli.lake import in_lake
from repo_tools.cli.listing import Listing
from repo_tools.cli.options import dry_run, retry, when, why, with_options
from repo_tools.desk import Desk
from repo_tools.names import check_range
from repo_tools.output import Answer
from repo_tools.publishing.words import planned_changes, staged_changes
from repo_tools.roles import Channel
from repo_tools.rollouts import orders, plans, selecting, strategies
from repo_tools.rollouts.moving import new_salt, redrawn
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.preparing import Ask, Judge, Make, Prepared, at_any_time, between, in_time, prepare
from repo_tools.rollouts.staging import Change, stage
from repo_tools.rollouts.state import State
from repo_tools.rollouts.tables import planned, table
from repo_tools.signing import following

_how = with_options(
    click.option(
        "--strategy",
        type=click.Choice(["manual", "gated", "scheduled", "immediate"]),
        default="manual",
        show_default=True,
        help="How waves follow: by hand, on evidence, at times signed ahead, all at once.",
    ),
    click.option(
        "--preset",
        metavar="NAME",
        help="The pace: normal, fast or emergency. [normal, where gated or scheduled]",
    ),
    click.option("--urgent", is_flag=True, help="Ignore the hosts' maintenance windows."),
    click.option(
        "--reshuffle", is_flag=True, help="Draw every host's place anew, so that others are first this time."
    ),
    retry,
)


@click.group(cls=Listing)
def rollout() -> None:
    """Start, widen, hold and recall rollouts. CHANNEL is product/channel, or the channel alone."""


@rollout.command()
@click.argument("channel")
@click.argument("version")
@_how
@when
@why
@dry_run
@changes
def start(app: App, channel: str, version: str, **options: Any) -> Answer:
    """Order a release to the first wave, or with --strategy immediate to all.

    \b
    Examples:
      tidegate rollout start stable 1.5.0 --spread-s 1h --reason "July release"
      tidegate rollout start stable 1.5.1 --strategy immediate --urgent
    """
    return changed(app, channel, options, *_starting(version, options))


@rollout.command()
@click.argument("channel")
@click.argument("version")
@_how
@when
@why
@in_lake
@reads
def plan(app: App, channel: str, version: str, lake: Path, **options: Any) -> Answer:
    """Show what starting a rollout would do, to how many hosts and when, and stage nothing.

    How many hosts each wave has, and how much they download, is known from what was collected.

    \b
    Example:
      tidegate rollout plan stable 1.5.0 --strategy gated --preset fast
    """
    from repo_tools.collect.roster import members_if_any
    from repo_tools.waves.foretelling import foretold

    desk = app.desk()
    ask = _ask(app, options, *_starting(version, options))
    prepared = prepare(desk, desk.channel(channel), ask)
    found = members_if_any(desk, prepared.state.channel, lake)
    told = foretold(prepared, plans.plan(options["strategy"], options["preset"]), found)
    shown = staged(app, desk, prepared, dry=True)
    return Answer({**shown.data, "forecast": told.data}, [*told.text, *shown.text])


@rollout.command()
@click.argument("channel")
@click.option(
    "--early", is_flag=True, help="Do not wait until waves have begun, are spread or are published."
)
@when
@why
@dry_run
@changes
def promote(app: App, channel: str, early: bool, **options: Any) -> Answer:
    """Widen the newest rollout to the next wave; once every wave has it, complete it.

    Completing makes the version the base: hosts below it go there at once, whatever the spread.

    \b
    Example:
      tidegate rollout promote stable --reason "canary is healthy"
    """
    return changed(app, channel, options, orders.promote, at_any_time if early else in_time)


rollout.add_command(advance)


@rollout.command()
@click.argument("channel")
@click.option("--wave", "waves", multiple=True, metavar="NAME", help="Only this wave. Repeat it.")
@why
@dry_run
@changes
def pause(app: App, channel: str, waves: tuple[str, ...], **options: Any) -> Answer:
    """Hold the newest rollout: no further host starts. See also: tidegate brake.

    Hosts below a base still go to it: a recall stops that.

    \b
    Example:
      tidegate rollout pause stable --reason "looking into a crash"
    """
    return changed(app, channel, options, lambda state, terms: orders.pause(state, list(waves), terms))


@rollout.command()
@click.argument("channel")
@click.option("--wave", "waves", multiple=True, metavar="NAME", help="Only this wave. Repeat it.")
@when
@why
@dry_run
@changes
def resume(app: App, channel: str, waves: tuple[str, ...], **options: Any) -> Answer:
    """Let the newest rollout go on; the hosts that are left spread anew.

    \b
    Example:
      tidegate rollout resume stable
    """
    return changed(app, channel, options, lambda state, terms: orders.resume(state, list(waves), terms))


@rollout.command()
@click.argument("channel")
@click.argument("version")
@click.option(
    "--from", "recalled", required=True, metavar="RANGE", help="Which versions go back; with an upper bound."
)
@click.option("--until", metavar="TIME", help="When the recall ends by itself.")
@click.option("--wave", "waves", metavar="NAME", multiple=True, help="Only this wave. Repeat it.")
@which
@click.option("--urgent", is_flag=True, help="Ignore the hosts' maintenance windows.")
@when
@why
@dry_run
@changes
def recall(app: App, channel: str, version: str, waves: tuple[str, ...], **options: Any) -> Answer:
    """Send hosts that run a recalled version back to VERSION: all, those of some waves, or single ones.

    A wave whose hosts run something lower keeps its order. Single hosts stay at VERSION until a rollout goes
    past what they were called back from, or until tidegate agents select --clear.

    \b
    Examples:
      tidegate rollout recall stable 1.4.2 --from ">=1.5.0,<=1.5.3" --reason "loses data"
      tidegate rollout recall stable 1.4.2 --from "==1.5.0" --wave canary
      tidegate rollout recall stable 1.4.2 --from "==1.5.0" --label site=fra1
    """
    check_range(options["recalled"])
    until = moments.moment(options["until"], app.now()) if options["until"] else None
    permission = orders.recalled(options["recalled"], until, options["reason"])
    lake, wish = options.pop("lake"), said(options)
    if not any(wish.values()):
        return changed(
            app,
            channel,
            options,
            lambda state, terms: orders.recall(state, version, permission, terms, waves),
        )
    if waves:
        raise UsageError("--wave and single hosts exclude each other", "recall twice")
    agents = chosen(app, channel, lake, wish)
    return changed(
        app,
        channel,
        options,
        lambda state, terms: selecting.recall(state, version, permission, terms, agents),
    )


@rollout.command()
@click.argument("channel", required=False)
@reads
def status(app: App, channel: str | None) -> Answer:
    """Show what each wave is ordered to run, and apart from that what is staged.

    CHANNEL may be left out where there is one.

    \b
    Example:
      tidegate rollout status stable
    """
    desk = app.desk()
    return table(desk, desk.channel(channel) if channel else desk.only_channel())


def changed(
    app: App, channel: str, options: dict[str, Any], make: Make, judge: Judge | None = None
) -> Answer:
    """Stage what ``make`` makes of a channel and of the options, unless ``judge`` refuses, and show it."""
    desk = app.desk()
    ask = _ask(app, options, make, judge)
    return staged(app, desk, prepare(desk, desk.channel(channel), ask), dry=options["dry_run"])


def _ask(app: App, options: dict[str, Any], make: Make, judge: Judge | None) -> Ask:
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


def _starting(version: str, options: dict[str, Any]) -> tuple[Make, Judge | None]:
    plan = plans.plan(options["strategy"], options["preset"])

    def begin(state: State, terms: Terms) -> Change:
        return strategies.begin(state, version, plan, terms)

    if not options["reshuffle"]:
        return begin, None
    salt = new_salt()
    return lambda state, terms: redrawn(state, begin(state, terms), salt), between
