"""A collector that is killed: ``python -m tests.support.dying_collector WORKSPACE KEYS BOX CALLS``.

It collects, and ends itself with SIGKILL before its call of that number to DuckDB or to the file system; with
fewer calls it ends as a collector does.
"""

import os
import signal
import sys
from types import FrameType
from typing import Any

from repo_tools.__main__ import main

CALLS = {"execute", "write_parquet", "unlink", "rmdir", "mkdir", "fsync", "replace", "flock"} | {
    *("symlink", "link", "utime")
}


def mortal(left: int) -> None:
    """Die before one of the calls of this thread."""

    def watch(_frame: FrameType, event: str, called: Any) -> None:
        nonlocal left
        if event == "c_call" and called.__name__ in CALLS and not isinstance(called.__self__, str | bytes):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def collect() -> int:
    """Collect, or die."""
    folder, keys, box, calls = sys.argv[1:]
    import duckdb  # noqa: F401, PLC0415 (what happens while it loads is no part of a run)

    mortal(int(calls))
    return main(["-C", folder, "fleet", "collect", box], {"TIDEGATE_KEYS": keys, "HOME": folder})


if __name__ == "__main__":
    sys.exit(collect())
