"""Command lines that click reads: its own errors end here."""

import contextlib

import click

from agent import streams
from agent.boundary import guarded
from agent.cli import cli
from metadata.errors import UsageError


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; a failed command never returns 0."""
    as_json = "--json" in arguments
    return guarded(lambda: _run(arguments, as_json=as_json), as_json=as_json)


def _run(arguments: list[str], *, as_json: bool) -> int:
    try:
        returned = cli.main(args=arguments, prog_name="tidegate-agent", standalone_mode=False)
    except click.ClickException as error:
        if as_json:
            raise UsageError(error.format_message()) from error
        with contextlib.suppress(OSError):  # a log on a full disk
            error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except SystemExit as ended:  # click's own: a completion, or help that nobody reads
        return streams.unread() if ended.code else 0
    return returned if isinstance(returned, int) else 0
