"""Where errors become text and an exit code, for every command."""

import contextlib
import sys
import traceback
from collections.abc import Callable

from agent import files, output, streams
from metadata.errors import TidegateError, UnsuitableError


def guarded(work: Callable[[], int], *, as_json: bool = False) -> int:
    """Do one command's work and return its exit code; a failed command never returns 0.

    Args:
        work: The command; what it raises, it raises instead of an answer.
        as_json: Whether the answer should have been one JSON document.
    """
    try:
        return work()
    except TidegateError as error:
        problem = error
    except KeyboardInterrupt:
        return 130
    except streams.UnreadError:
        return streams.unread()
    except Exception as error:  # noqa: BLE001 (the last boundary: a bug must not look like a crash of the host)
        problem = _explained(error)
    output.error(problem, as_json=as_json)
    return problem.exit_code


def _explained(error: Exception) -> TidegateError:
    """Return what nobody caught as an error of ours: a disk's own, or else a bug."""
    if isinstance(error, OSError) and error.errno in files.MENDS:
        return UnsuitableError(files.told(error), files.mend(error))
    with contextlib.suppress(OSError):  # a log on a full disk
        traceback.print_exception(error, file=sys.stderr)
    return TidegateError("this is a bug in tidegate-agent", "report it with the lines above")
