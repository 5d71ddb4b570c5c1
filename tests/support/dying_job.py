"""The job that widens rollouts, killed: ``python -m tests.support.dying_job PLACE COPIES``.

In each copy of a place, ``COPIES/0``, ``COPIES/1`` and so on, a process of its own advances and publishes. It
ends itself with SIGKILL before the write of the copy's number, to what is staged or to the store's metadata
and evidence; the last copy has the one that had fewer writes to do.
"""

import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path

import duckdb  # noqa: F401  # loaded once, and not in every process

from repo_tools.__main__ import main

WRITES = {"os.rename", "os.link", "os.remove"}
"""What Python calls a moment at which a file comes or goes."""


def mortal(place: Path, left: int) -> None:
    """Die before one of these moments."""
    kept = tuple(str(place / name) for name in ("workspace/staged", "store/metadata", "store/status"))

    def watch(event: str, found: tuple[object, ...]) -> None:
        nonlocal left
        if event not in WRITES:
            return
        path = os.path.normpath(str(found[0]))
        if path.startswith(kept) and not (event == "os.remove" and "/.new-" in path):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def advance(place: Path, writes: int) -> int:
    """Take the job's step, or die."""
    mortal(place, writes)
    arguments = ["-C", str(place / "workspace"), "rollout", "advance", "stable", "--publish"]
    return main(arguments, {"TIDEGATE_KEYS": str(place / "keys"), "HOME": str(place)})


def run() -> None:
    """Kill jobs until one has too few writes."""
    source, copies = map(Path, sys.argv[1:])
    for writes in count():
        place = shutil.copytree(source, copies / str(writes))
        child = os.fork()
        if child == 0:
            os._exit(advance(place, writes))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGKILL:
            sys.exit(code)


if __name__ == "__main__":
    run()
