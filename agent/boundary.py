"""Where errors become text and an exit code, for every command."""

import sys
import traceback
from collections.abc import Callable

from agent import files, output
from metadata.errors import TidegateError, UnsuitableError


def guarded(work: Callable[[], int]) -> int:
    """Do one command's work and return its exit code; a failed command never returns 0."""
    try:
        return work()
    except TidegateError as error:
        output.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 (the last boundary: a bug must not look like a crash of the host)
        if isinstance(error, OSError) and error.errno in files.MENDS:
            output.error(UnsuitableError(files.told(error), files.mend(error)))
            return UnsuitableError.exit_code
        traceback.print_exc(file=sys.stderr)
        output.error(TidegateError("this is a bug in tidegate-agent", "report it with the lines above"))
        return TidegateError.exit_code
