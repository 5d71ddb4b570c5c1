"""The supervisor runs the product itself: containers, demos, hosts without a service manager."""

import contextlib
import time
from pathlib import Path
from typing import Any

from agent import commands, control
from agent.services.base import ByHand, NoManagerError, Status
from agent.settings import Child
from metadata.errors import UnhealthyError

POLL_S = 0.05
KILL_GRACE_S = 5
"""How long a process may take to vanish after SIGKILL."""


class ChildService:
    """Asks the supervisor over its control socket."""

    runs = True

    def __init__(self, name: str, settings: Child, state: Path, current: Path) -> None:
        self._name = name
        self._settings = settings
        self._state = state
        self._current = current

    @property
    def patience_s(self) -> float:
        """How long a stop may take; a start is over at once."""
        return self._settings.stop_s + KILL_GRACE_S + control.ANSWER_S

    def _ask(self, op: str, **fields: Any) -> dict[str, Any]:
        try:
            return control.ask(self._state, {"op": op, "service": self._name, **fields})
        except control.NoSupervisorError as error:
            text = f"no supervisor runs {self._name}"
            raise NoManagerError(text, "start it with: tidegate-agent run") from error

    def starts(self, folder: Path) -> list[str]:
        """Return the settings' command for a version."""
        return commands.resolve(self._settings.command, folder, search_path=True)

    def start(self) -> None:
        """Ask the supervisor to start the current version."""
        answer = self._begin("start")
        if answer.get("error"):
            raise UnhealthyError(f"{self._name} could not be started: {answer['error']}")

    def keep(self) -> None:
        """Give the service to a supervisor that does not know it, as after the loss of its memory."""
        with contextlib.suppress(NoManagerError):
            self._begin("keep")

    def _begin(self, op: str) -> dict[str, Any]:
        return self._ask(op, **self._terms())

    def _terms(self) -> dict[str, Any]:
        command = self.starts(self._current)
        return {"command": command, "folder": str(self._current), "stop_s": self._settings.stop_s}

    def stop(self) -> None:
        """Ask the supervisor to stop it (SIGTERM, then SIGKILL), and wait until it has ended."""
        self._ask("stop")
        limit = time.monotonic() + self._settings.stop_s + KILL_GRACE_S
        while self._ask("status").get("pid"):
            if time.monotonic() > limit:
                raise UnhealthyError(f"{self._name} does not end, not even by SIGKILL")
            time.sleep(POLL_S)

    def status(self) -> Status:
        """Return what the supervisor says."""
        said = self._ask("status")
        running = bool(said.get("pid"))
        text = (
            f"runs as process {said['pid']}" if running else f"ended ({said.get('ended', 'never started')})"
        )
        return Status(running, text, int(said.get("restarts", 0)))

    def by_hand(self) -> ByHand:
        """Return what the supervisor is asked."""
        return ByHand(child={"service": self._name, **self._terms()}, limit_s=self.patience_s)
