"""Command lines that click reads: its own errors end here."""

import click

from agent.boundary import guarded
from agent.cli import cli


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; a failed command never returns 0."""
    return guarded(lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    try:
        returned = cli.main(args=arguments, prog_name="tidegate-agent", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    return returned if isinstance(returned, int) else 0
