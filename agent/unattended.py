"""What runs without a person: one tick, from the settings to the last line of output.

The supervisor starts it for each poll, so it needs no command line parser.
"""

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from agent import clock, control, files, output, settings, updater
from agent import tick as ticking
from agent.bare import Bare
from agent.host import Host, opened
from agent.metrics import openmetrics
from agent.settings import Settings
from agent.status import status
from metadata.errors import TidegateError, UnsuitableError

READABLE = 0o640


def tick(config: Path, *, as_json: bool = False) -> int:
    """Run one tick, print the status, and return the exit code."""
    found = lenient(config)
    arguments = ["--config", str(config), "tick", *(["--json"] if as_json else [])]
    updater.hand_over(Bare(found.state_folder, found.products_folder), arguments)
    try:
        with opened(found) as host:
            errors = ticking.tick(host)
            return show(host, errors, as_json=as_json, tell=output.mention)
    except UnsuitableError as error:  # not enrolled, or a disk that takes nothing
        _conclude(found.state_folder, error.message)
        raise


def lenient(config: Path) -> Settings:
    """Load the settings as unattended commands do: unknown keys are a warning."""
    found, unknown = settings.load(config)
    for name in unknown:
        output.warning(f"settings {config} have an unknown key: {name}")
    return found


def _leave(name: str, text: str) -> None:
    """Write something for those who may not read the journal; failing to must not fail a tick."""
    path = Path(name)
    try:
        if not path.exists() or path.read_bytes() != text.encode():
            files.write(path, text.encode(), READABLE)
            os.chown(path, -1, path.parent.stat().st_gid, follow_symlinks=False)
    except OSError as error:
        output.warning(f"{path} cannot be written: {error.strerror}")


def _conclude(state: Path, text: str) -> None:
    """Let the supervisor say in its status how the tick ended."""
    with contextlib.suppress(control.NoSupervisorError):
        control.ask(state, {"op": "conclude", "text": text})


def show(
    host: Host,
    errors: list[TidegateError],
    *,
    as_json: bool,
    more: Sequence[str] = (),
    tell: Callable[..., None] = output.result,
) -> int:
    """Tell the status, more lines for a person, and the errors; return the exit code."""
    document = status(host.settings, host.journal, host.identity.agent)
    lines = output.product_lines(document)
    if host.settings.status:
        _leave(host.settings.status, f"{json.dumps(document, indent=2)}\n")
    if host.settings.metrics:
        _leave(host.settings.metrics, openmetrics(document, errors, clock.now()))
    _conclude(host.settings.state_folder, "; ".join([error.message for error in errors] or lines))
    tell(document, [*lines, *more], as_json=as_json)
    for error in errors:
        output.error(error)
    return errors[0].exit_code if errors else 0
