"""The two settings that the supervisor and the guard need; ticks look at the others.

A file that makes no sense any more, as after a slip of an editor, must neither leave a product down nor a
trial without its end: what its lines still say of the two is enough for them. Standard library only.
"""

import contextlib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from metadata.errors import MalformedError

USUAL = {"state": "/var/lib/tidegate", "root": "/opt/tidegate"}
TRACE = "journal.db"
"""A file that lies in the state folder of every host that has lived."""


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
        return _places(config, USUAL | tomllib.loads(config.read_bytes().decode()))
    except (OSError, ValueError, RecursionError, TypeError) as error:
        raise MalformedError(
            f"settings {config} cannot be read: {error}", "name them with --config"
        ) from error


def find(config: Path, warn: Callable[[str], None]) -> Bare:
    """Return where things are, also by settings that are malformed, of which ``warn`` is told.

    Nothing is guessed: the file must still name the state folder, and an agent must have lived in that.

    Raises:
        MalformedError: The settings cannot be read, and do not say where things are.
    """
    try:
        return read(config)
    except MalformedError as error:
        places = _salvaged(config)
        if places is None or not (places.state / TRACE).exists():
            raise
        warn(f"{error.message}; what runs here runs on, and nothing is updated until the file is mended")
        return places


def _salvaged(config: Path) -> Bare | None:
    """Return where things are by the lines of malformed settings that can be read."""
    said: dict[str, Any] = {}
    with contextlib.suppress(OSError):
        for line in config.read_bytes().splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                said = tomllib.loads(line.decode()) | said
    try:
        return _places(config, {"root": USUAL["root"]} | said)
    except (KeyError, ValueError, TypeError):
        return None


def _places(config: Path, said: Mapping[str, Any]) -> Bare:
    """Return the two as paths, which begin in the folder of the settings, as in the settings."""
    here = config.absolute().parent
    if not (said["state"] and said["root"]):
        raise ValueError("state and root must not be empty")
    return Bare(here / said["state"], here / said["root"])
