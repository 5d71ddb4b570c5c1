"""The updater itself: its supervisor becomes the new version as the same process, and what it runs goes on.

A tick of the version before does all of this and judges; it is a process of its own and lives on meanwhile. A
supervisor that runs from elsewhere than the product's own folder is left alone, and so is a host without one.
"""

import subprocess
import time
from functools import cached_property
from pathlib import Path
from typing import Any

from agent import commands, control, locking, processes
from agent.processes import Process
from agent.services.base import ByHand, NoManagerError, Status
from agent.services.systemd import ASK_S, SystemdService
from agent.settings import Systemd
from agent.trial import MAX_RESTARTS
from agent.updater import PROGRAM
from metadata.errors import UnhealthyError

RENEW_S = 60
"""How long a new supervisor may take until it answers, where no unit says more."""
POLL_S = 0.2


class ResidentService:
    """The resident supervisor.

    Args:
        unit: The unit that runs it, where systemd does.
        state: The state folder, where it listens.
        current: The link to the version that should run.
    """

    def __init__(self, unit: Systemd | None, state: Path, current: Path) -> None:
        self._unit = unit
        self._manager = SystemdService(unit) if unit else None
        self._state = state
        self._current = current
        self._forgiven = 0
        self._resident: Process | None = None
        self._arguments: list[str] = []

    @cached_property
    def runs(self) -> bool:
        """Whether a supervisor that an update replaces works here, or should."""
        if who := self._who():
            return who["version"] is not None
        return self._manager is not None and self._seen().restarts > 0

    @property
    def patience_s(self) -> float:
        """How long it may take to become another version, and to be killed if it does not."""
        return 2 * (self._limit_s + ASK_S)

    @property
    def _limit_s(self) -> float:
        return (self._unit.timeout_s if self._unit else None) or RENEW_S

    def starts(self, _: Path) -> list[str]:
        """Return nothing: its trial proves more than a look at its program."""
        return []

    def start(self) -> None:
        """Let the supervisor become the current version, and wait until it answers.

        Raises:
            UnhealthyError: It does not; it was ended, so that the next attempt starts another.
            NoManagerError: systemd does not answer.
        """
        if not self.runs or self._is_current():
            return
        self._forgiven = self._restarts()
        locking.note(self._state)  # a version that goes back may have removed it
        if self._ask("renew") is None:
            self._start_another()
        if not self._comes():
            text = self.status().text
            self._end()
            raise UnhealthyError(f"the updater does not come up: {text}")

    def _comes(self) -> bool:
        limit = time.monotonic() + self._limit_s
        while time.monotonic() < limit and self._restarts() - self._forgiven < MAX_RESTARTS:
            if self._is_current():
                return True
            time.sleep(POLL_S)
        return False

    def stop(self) -> None:
        """End a supervisor that does not answer; one that does is asked by ``start``."""
        if self.runs and self._who() is None:
            self._end()

    def status(self) -> Status:
        """Return whether the supervisor is of the current version, and keeps others out."""
        if not self.runs:
            return Status(True, "no supervisor to replace")
        restarts = max(0, self._restarts() - self._forgiven)
        who = self._who()
        if who is None:
            return Status(False, "no supervisor answers", restarts)
        if who["version"] != self._wanted():
            return Status(False, f"the supervisor is still {who['version']}", restarts)
        if not locking.is_kept(self._state / locking.SUPERVISOR) or not locking.is_mine(self._state):
            return Status(False, "the new version removes the locks of this host", restarts)
        return Status(True, f"runs as process {who['pid']}", restarts)

    def keep(self) -> None:
        """Do nothing: whoever asks was started by it."""

    def by_hand(self) -> ByHand:
        """Return the commands: what hangs is killed, and what it runs is left alone."""
        if self._unit is None or self._manager is None:
            return ByHand()
        kill = ["systemctl", "kill", "--kill-whom=main", "--signal=KILL", "--", self._unit.unit]
        unit = self._manager.by_hand()
        return ByHand(stop=[kill], start=unit.start, limit_s=unit.limit_s)

    def _is_current(self) -> bool:
        who = self._who()
        return who is not None and who["version"] == self._wanted()

    def _wanted(self) -> str:
        return self._current.readlink().name

    def _who(self) -> dict[str, Any] | None:
        who = self._ask("who")
        if who is None or not {"pid", "version", "arguments"} <= who.keys():
            return None
        self._resident = Process(who["pid"], processes.born(who["pid"]))
        self._arguments = who["arguments"]
        return who

    def _ask(self, op: str) -> dict[str, Any] | None:
        try:
            return control.ask(self._state, {"op": op})
        except control.NoSupervisorError:
            return None

    def _seen(self) -> Status:
        """Return what systemd says of the unit."""
        if self._manager is None:
            return Status(False, "no unit")
        return self._manager.status()

    def _restarts(self) -> int:
        return self._seen().restarts

    def _end(self) -> None:
        """Kill the supervisor alone: its products go on, and this tick too."""
        for line in self.by_hand().stop:
            commands.run(line, Path("/"), ASK_S)
        if self._unit is None and self._resident is not None:
            self._resident.end()  # the same process from one version to the next

    def _start_another(self) -> None:
        if self._manager is not None:
            self._manager.start()
            return
        if not self._arguments:
            raise NoManagerError("no supervisor answers", "start it with: tidegate-agent run")
        command = [str(self._current / PROGRAM), *self._arguments]
        subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, start_new_session=True)
