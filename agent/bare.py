"""The two settings that the supervisor and the guard need; ticks look at the others.

Standard library only.
"""

import tomllib
from pathlib import Path
from typing import NamedTuple

from metadata.errors import MalformedError


class Bare(NamedTuple):
    """Where things are on this host."""

    state: Path
    root: Path


def read(config: Path) -> Bare:
    """Return where things are.

    Raises:
        MalformedError: The settings cannot be read.
    """
    try:
        found = tomllib.loads(config.read_bytes().decode())
        here = config.absolute().parent  # as in the settings
        return Bare(here / found.get("state", "/var/lib/tidegate"), here / found.get("root", "/opt/tidegate"))
    except (OSError, ValueError, RecursionError, TypeError) as error:
        raise MalformedError(
            f"settings {config} cannot be read: {error}", "name them with --config"
        ) from error
