"""Where errors become text and an exit code."""

import sys
import traceback

import click

from agent import output
from agent.cli import cli
from metadata.errors import TidegateError


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; a failed command never returns 0."""
    try:
        returned = cli.main(args=arguments, prog_name="tidegate-agent", standalone_mode=False)
        return returned if isinstance(returned, int) else 0
    except TidegateError as error:
        output.error(error)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except Exception:  # noqa: BLE001 (the last boundary: a bug must not look like a crash of the host)
        traceback.print_exc(file=sys.stderr)
        output.error(TidegateError("this is a bug in tidegate-agent", "report it with the lines above"))
        return TidegateError.exit_code
