"""What every command shares: the workspace, the clock, the answer, and two options."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import click

from repo_tools import moments
from repo_tools.desk import Desk
from repo_tools.files import usable
from repo_tools.keys import passphrase
from repo_tools.keys.folder import KeyFolder
from repo_tools.keys.passphrase import Passphrases
from repo_tools.names import check_visible
from repo_tools.output import Answer, Terminal, ask_secret, error
from repo_tools.workspace import Workspace

_CLOSE = timedelta(days=1)
"""What a time that somebody tries out may differ by, and lock nobody out for long."""
_WAITS = "another tidegate is at work in this workspace: this waits until it is done"


@dataclass
class App:
    """One run of the program."""

    folder: Path
    passphrase_fd: int | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    terminal: Terminal = field(default_factory=Terminal)

    def now(self) -> datetime:
        """Return the present, UTC, in whole seconds."""
        present = datetime.now(UTC).replace(microsecond=0)
        said = self.environ.get("TIDEGATE_NOW")
        return moments.moment(said, present) if said else present

    def pretended(self) -> datetime | None:
        """Return the present that TIDEGATE_NOW says, where it is days away from this machine's clock."""
        said = self.now()
        return said if abs(said - datetime.now(UTC)) > _CLOSE else None

    def passphrases(self) -> Passphrases:
        """Return where passphrases come from."""
        given = self.environ.get(passphrase.VARIABLE)
        if self.passphrase_fd is not None:
            given = passphrase.read_descriptor(self.passphrase_fd)
        pin = self.environ.get(passphrase.PIN_VARIABLE)
        return Passphrases(given, ask_secret if self.terminal.asks() else None, pin)

    def keys(self) -> KeyFolder:
        """Return the key folder."""
        return KeyFolder.usual(self.environ)

    def desk(self, workspace: Workspace | None = None) -> Desk:
        """Return the workspace with everything on it."""
        return Desk(workspace or Workspace.open(self.folder), self.keys(), self.passphrases(), self.now())


def reads(function: Callable[..., Answer]) -> Callable[..., int]:
    """Make a command of a function that takes an ``App`` and returns what to show."""
    return _command(function, lambda _: nullcontext())


def changes(function: Callable[..., Answer]) -> Callable[..., int]:
    """Make a command as ``reads`` does, which has the workspace for itself while it runs."""
    return _command(function, lambda app: Workspace.open(app.folder).alone())


def waits(function: Callable[..., Answer]) -> Callable[..., int]:
    """Make a command as ``changes`` does, which waits for another one that is at work, and says so."""
    return _command(function, lambda app: Workspace.open(app.folder).alone(lambda: app.terminal.note(_WAITS)))


def _command(
    function: Callable[..., Answer], taken: Callable[[App], AbstractContextManager[object]]
) -> Callable[..., int]:
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @click.pass_obj
    @wraps(function)
    def run(app: App, /, *args: Any, as_json: bool, **options: Any) -> int:
        app.terminal.as_json |= as_json
        for name, value in options.items():
            check_visible(name, value)
        with usable(app.folder), taken(app):
            answer = function(app, *args, **options)
        app.terminal.answer(answer)
        if answer.failure is None:
            return 0
        error(answer.failure)
        return answer.failure.exit_code

    return run
