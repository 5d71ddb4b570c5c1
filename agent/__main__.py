"""The boundary of ``tidegate-agent``: arguments in, exit code out; errors become text here and nowhere else.

``run`` goes straight to the supervisor, which must stay small: nothing else is imported for it.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run the program and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    config = _plain_run(arguments)
    if config is not None:
        from agent import supervisor  # noqa: PLC0415 (keeps everything else out of the resident process)

        return supervisor.main(config)
    from agent.cli import boundary  # noqa: PLC0415 (see above)

    return boundary.run(arguments)


def _plain_run(arguments: list[str]) -> Path | None:
    """Return the settings file when the command line is ``[--config FILE] run`` and nothing else."""
    match arguments:
        case ["run"]:
            return Path("/etc/tidegate/agent.toml")
        case ["--config", file, "run"]:
            return Path(file)
        case _:
            return None


if __name__ == "__main__":
    main()
