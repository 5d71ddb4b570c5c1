"""Options that several commands take."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from metadata.fields import MAX_INTEGER

_Command = Callable[..., Any]


def with_options(*given: _Command) -> Callable[[_Command], _Command]:
    """Return a decorator that gives a command several options, in their order."""

    def add(command: _Command) -> _Command:
        for option in reversed(given):
            command = option(command)
        return command

    return add


when = with_options(
    click.option("--spread-s", metavar="SPAN", help="Over which the hosts of a wave start."),
    click.option("--not-before", metavar="TIME", help="When the first host may start. [now, after --lead]"),
    click.option(
        "--lead",
        metavar="SPAN",
        help="Time for signatures before that. [4h where hosts are spread and several must sign]",
    ),
    click.option("--not-after", metavar="TIME", help="When the last host may start. [7d after --not-before]"),
)
why = with_options(
    click.option("--by", metavar="TEXT", default="", help="Who wants this."),
    click.option("--reason", metavar="TEXT", default="", help="Why."),
)
shape = with_options(
    click.option(
        "--wave",
        "waves",
        multiple=True,
        metavar="NAME=PERCENT",
        help="A wave and its cumulative share, or NAME=id:HOST,HOST. Repeat it. [canary=5 early=25 full=100]",
    ),
    click.option(
        "--count",
        is_flag=True,
        help="Waves are numbers of hosts; full=rest. [canary=1 early=3 full=rest]",
    ),
    click.option(
        "--ring", "rings", multiple=True, metavar="NAME", help="A ring of the first wave. Repeat it."
    ),
)
fine = click.option("--fine", is_flag=True, help="Divide the fleet into 65,536 shares instead of 4,096.")
dry_run = click.option("--dry-run", is_flag=True, help="Say what would be staged, and stage nothing.")
retry = click.option(
    "--retry",
    type=click.IntRange(0, MAX_INTEGER),
    default=0,
    help="Above 0: try again where it failed before.",
)


def trusted(groups: Sequence[str]) -> Callable[[_Command], _Command]:
    """Return a decorator that lets a command name keys for groups of roles, and how many must sign."""
    some = ", ".join(groups)
    return with_options(
        click.option(
            "--key",
            "keys",
            multiple=True,
            metavar="GROUP=KEY",
            help=f"A key that exists: a name here, or a file of key export. Groups: {some}. Repeat it.",
        ),
        click.option(
            "--threshold",
            "needs",
            multiple=True,
            metavar="GROUP=N",
            help="Signatures that a group needs. Repeat it.",
        ),
    )
