"""``tidegate rollout``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from metadata.errors import TidegateError, UsageError
from repo_tools import moments
from repo_tools.cli.advance import advance
from repo_tools.cli.app import App, changes, reads
from repo_tools.cli.hosts import chosen, said, which
from repo_tools.cli.lake import in_lake
from repo_tools.cli.listing import Listing
from repo_tools.cli.options import dry_run, retry, when, why, with_options
from repo_tools.cli.ordering import asked, changed, staged
from repo_tools.desk import Desk
from repo_tools.names import check_range
from repo_tools.output import Answer
from repo_tools.rollouts import orders, plans, selecting, strategies
from repo_tools.rollouts.moving import new_salt, redrawn
from repo_tools.rollouts.orders import Terms
from repo_tools.rollouts.preparing import Judge, Make, at_any_time, between, elsewhere, in_time, prepare
from repo_tools.rollouts.staging import Change
from repo_tools.rollouts.state import State
from repo_tools.rollouts.tables import table
from repo_tools.rollouts.warnings import not_held
from repo_tools.workspace import LAKE, Workspace

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
    ask = asked(app, options, *_starting(version, options))
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
    """Widen the newest rollout to the next wave, at its preset's pace; once every wave has it, complete it.

    Completing makes the version the base: hosts below it go there at once, whatever the spread. Where the
    rollout is gated and its gate would still wait, or hold it, a warning says so.

    \b
    Example:
      tidegate rollout promote stable --reason "canary is healthy"
    """
    workspace = Workspace.open(app.folder)

    def widen(state: State, terms: Terms) -> Change:
        return strategies.widen(state, plans.newest(workspace, state), terms)

    def judge(desk: Desk, state: State, change: Change) -> list[str]:
        told = (at_any_time if early else in_time)(desk, state, change)
        return [*told, *_against(desk, state, widening=True)]

    return changed(app, channel, options, widen, judge)


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

    def go_on(state: State, terms: Terms) -> Change:
        return orders.resume(state, list(waves), terms)

    def judge(desk: Desk, state: State, change: Change) -> list[str]:
        return [*not_held(state, change), *_against(desk, state, widening=False)]

    return changed(app, channel, options, go_on, judge)


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
            _outlook(lake, version, options["recalled"], waves),
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


def _against(desk: Desk, state: State, *, widening: bool) -> list[str]:
    """Return what hosts said that speaks against the newest rollout, as far as it is known here."""
    plan = plans.newest(desk.workspace, state)
    if not (desk.workspace.folder / LAKE).exists():
        unheard = f"{state.newest} is gated, and nothing was collected here that speaks for it"
        return [unheard] if widening and plan and plan.strategy == "gated" else []
    try:
        from repo_tools.gate.job import against
    except ModuleNotFoundError as error:
        return [f"what hosts reported is not known here: {error}"]
    return against(desk, state, plan, widening=widening)


def _outlook(lake: Path, version: str, recalled: str, waves: Sequence[str]) -> Judge | None:
    """Return what judges a recall by what hosts said; nothing that cannot be read stops one."""
    if not lake.exists():
        return None

    def judge(desk: Desk, state: State, _: Change) -> list[str]:
        try:
            from repo_tools.collect.roster import members_if_any
            from repo_tools.waves.recalling import outlook

            members = members_if_any(desk, state.channel, lake) or []
        except (TidegateError, ModuleNotFoundError) as error:
            return [f"what hosts run is not known: {error}"]
        return outlook([one for one in members if not waves or one.wave in waves], version, recalled)

    return judge


def _starting(version: str, options: dict[str, Any]) -> tuple[Make, Judge]:
    plan = plans.plan(options["strategy"], options["preset"])

    def begin(state: State, terms: Terms) -> Change:
        return strategies.begin(state, version, plan, terms)

    if not options["reshuffle"]:
        return begin, elsewhere
    salt = new_salt()
    return lambda state, terms: redrawn(state, begin(state, terms), salt), between
