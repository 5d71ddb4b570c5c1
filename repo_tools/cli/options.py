"""Options that several commands take."""

from collections.abc import Callable
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
dry_run = click.option("--dry-run", is_flag=True, help="Say what would be staged, and stage nothing.")
retry = click.option(
    "--retry",
    type=click.IntRange(0, MAX_INTEGER),
    default=0,
    help="Above 0: try again where it failed before.",
)
