"""Commands of the operator's: works with a bare tick."""

import os
from pathlib import Path

from agent import commands
from agent.services.base import ByHand, NoManagerError, Status
from agent.settings import Commands
from agent.slots import Slots
from metadata.errors import UnhealthyError


class CommandService:
    """Runs the operator's ``start``, ``stop`` and ``status``."""

    runs = True

    def __init__(self, settings: Commands, current: Path) -> None:
        self._settings = settings
        self._current = current
        self._mark = Slots(current.parent).mark

    @property
    def patience_s(self) -> float:
        """How long a stop, with a look at what it left, and a start may take together."""
        return 3 * self._settings.timeout_s

    def _run(self, command: list[str], mark: str = "") -> commands.Ran:
        folder = self._current if self._current.is_dir() else Path("/")
        return commands.run(self._ready(command), folder, self._settings.timeout_s, mark=mark)

    def _ready(self, command: list[str]) -> list[str]:
        return commands.resolve(command, self._current, search_path=True)

    def starts(self, folder: Path) -> list[str]:
        """Return the operator's command for a version."""
        return commands.resolve(self._settings.start, folder, search_path=True)

    def start(self) -> None:
        """Run ``start``; it must exit 0."""
        ran = self._run(self._settings.start, self._mark)
        if not ran.ok:
            raise UnhealthyError(f"the start command {ran.text()}")

    def stop(self) -> None:
        """Run ``stop``; it must exit 0, unless ``status`` says that nothing runs."""
        ran = self._run(self._settings.stop, self._mark)
        if not ran.ok and self.status().running:
            raise UnhealthyError(f"the stop command {ran.text()}")

    def status(self) -> Status:
        """Run ``status``; exit 0 means that it runs."""
        self._require("start", self._settings.start)
        self._require("stop", self._settings.stop)
        self._require("status", self._settings.status)
        ran = self._run(self._settings.status)
        return Status(ran.ok, "runs" if ran.ok else f"the status command {ran.text()}")

    def _require(self, verb: str, command: list[str]) -> None:
        """Raise for a program that cannot be run, unless it comes and goes with the product's versions."""
        program = os.path.realpath(self._ready(command)[0])
        if Path(program).is_relative_to(os.path.realpath(self._current.parent)):
            return
        if why := commands.unstartable(program):
            hint = f"correct service.{verb} in the settings"
            raise NoManagerError(f"the {verb} command {why}: {program}", hint)

    def keep(self) -> None:
        """Do nothing: the operator's service manager starts it at boot."""

    def by_hand(self) -> ByHand:
        """Return the operator's commands."""
        stop, start = self._ready(self._settings.stop), self._ready(self._settings.start)
        return ByHand(stop=[stop], start=[start], limit_s=self._settings.timeout_s)
