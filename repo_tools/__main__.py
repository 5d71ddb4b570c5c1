"""The one place where errors become text and an exit code.

Almost everything is imported inside of it, so that Ctrl-C ends the program quietly from its first moment on.
"""

import gc
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from repo_tools import streams

if TYPE_CHECKING:
    from click import ClickException

INTERRUPTED = 130
"""128 + SIGINT, as shells count."""
GARBAGE_THRESHOLD = 100_000
"""Allocations between two searches for garbage: most of what a command makes stays until its end."""
_BUG_HINT = "this is a bug in tidegate: please report it with the lines above"


def program() -> None:
    """Run the program as a process of its own, and exit."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    streams.settle()
    code = main()
    if "duckdb" not in sys.modules:  # whose own garbage must be found, or it complains of leaks
        gc.freeze()  # the exit would search the whole program for garbage once more
    sys.exit(code)


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the program and return its exit code.

    Args:
        arguments: The command line without the program's name; the real one by default.
        environ: Environment variables; the real ones by default.
    """
    try:
        return _run(arguments, environ)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(arguments: Sequence[str] | None, environ: Mapping[str, str] | None) -> int:
    import click

    from metadata.errors import TidegateError, UsageError
    from repo_tools import extras, output
    from repo_tools.cli import cli

    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        returned = cli.main(arguments, "tidegate", standalone_mode=False, obj=environ)
    except TidegateError as error:
        problem = error
    except click.ClickException as error:
        if not as_json:
            return _refused(error)
        problem = UsageError(error.format_message())
    except click.Abort:
        return INTERRUPTED
    except streams.UnreadError:
        return streams.unread()
    except SystemExit as ended:  # click's own: a completion, or help that nobody reads
        return streams.unread() if ended.code else 0
    except ModuleNotFoundError as error:
        problem = extras.missing(error) or output.bug(error, _BUG_HINT)
    except Exception as error:  # noqa: BLE001  # the boundary: whatever else happens is a bug
        problem = output.bug(error, _BUG_HINT)
    else:
        return returned if isinstance(returned, int) else 0
    output.error(problem, as_json=as_json)
    return problem.exit_code


def _refused(error: "ClickException") -> int:
    with suppress(OSError):  # a log on a full disk
        error.show()
    return error.exit_code


if __name__ == "__main__":
    program()
