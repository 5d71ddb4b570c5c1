"""The boundary of ``tidegate-agent``: arguments in, exit code out; errors become text here and nowhere else.

``run``, ``tick`` and ``guard`` go straight to their work: the resident process must stay small, a tick with
nothing to do must cost little, and the guard must need little. So does a plain ``check``, which scripts ask
often. Every other command line is left to click.
"""

import gc
import os
import sys
from pathlib import Path

from agent import bundle, streams

INTERRUPTED = 130
"""128 + SIGINT, as shells count."""
GARBAGE_THRESHOLD = 100_000
"""Allocations between two searches for garbage: most of what a short command makes, its modules, stays."""


def main() -> None:
    """Run the program and exit; Ctrl-C ends it quietly, also while it is still being loaded."""
    bundle.clean(os.environ)
    streams.settle()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    gc.freeze()  # the exit would search the whole program for garbage, which costs a tenth of a poll
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    match arguments:
        case ["run"]:
            return _supervise(Path("/etc/tidegate/agent.toml"))
        case ["--config", file, "run"]:
            return _supervise(Path(file))
        case ["--config", file, "guard"]:
            return _guard(Path(file))
    gc.set_threshold(GARBAGE_THRESHOLD)
    match arguments:
        case ["--config", file, "tick"]:
            return _tick(Path(file))
        case ["--config", file, "check", *rest] if rest in ([], ["--json"]):
            return _check(Path(file), as_json=bool(rest))
    from agent.cli import boundary as command_line  # noqa: PLC0415 (click is for those who type)

    return command_line.run(arguments)


def _supervise(config: Path) -> int:
    from agent import supervisor  # noqa: PLC0415 (keeps everything else out of the resident process)

    return supervisor.main(config)


def _guard(config: Path) -> int:
    from agent import boundary  # noqa: PLC0415 (the guard works where nothing else does)
    from agent.guard import duty  # noqa: PLC0415

    return boundary.guarded(lambda: duty.main(config))


def _load_deepest() -> None:
    """Load what imports the most modules, from as near the bottom of the stack as can be.

    Python keeps its stack in blocks of 16 KB, and maps and unmaps one at each call across their border: where
    imports nest, half of the start was spent so.
    """
    import tuf.ngclient  # noqa: F401, PLC0415 (each command that calls this needs it)


def _tick(config: Path) -> int:
    _load_deepest()
    from agent import boundary, unattended  # noqa: PLC0415 (keeps everything else out of an idle tick)

    return boundary.guarded(lambda: unattended.tick(config))


def _check(config: Path, *, as_json: bool) -> int:
    _load_deepest()
    from agent import ask, boundary  # noqa: PLC0415 (as above)

    return boundary.guarded(lambda: ask.check(config, as_json=as_json), as_json=as_json)


if __name__ == "__main__":
    main()
