"""systemd runs the product, as a unit that the operator installed; asked through ``systemctl``.

systemd counts restarts by itself: ``NRestarts``, from zero again after a stop or ``reset-failed``. A unit
that its start limit has stopped is started for nobody until ``reset-failed``.
"""

from pathlib import Path

from agent import commands
from agent.services.base import ByHand, NoManagerError, Status
from agent.settings import Systemd
from metadata.errors import UnhealthyError

BOOTED = Path("/run/systemd/system")
"""There when systemd is PID 1: sd_booted(3)."""
ASK_S = 30
SHOWN = "--property=LoadState,ActiveState,SubState,NRestarts,Result,MainPID"
RUNS = {"active", "reloading"}
ENDED = {"inactive", "failed"}


class SystemdService:
    """Starts, stops and looks after one unit."""

    runs = True

    def __init__(self, settings: Systemd) -> None:
        self._unit = settings.unit
        self._timeout_s = settings.timeout_s

    @property
    def patience_s(self) -> float:
        """How long a stop and a start may take together, with the questions between them."""
        return 2 * (self._timeout_s + ASK_S)

    def start(self) -> None:
        """Start the unit and wait until it is ready, as its ``Type=`` says it.

        It has been stopped before, so ``restart`` starts it; ``start`` would sit out the pause of a unit that
        systemd is about to start again.
        """
        self._ask("reset-failed")  # fails for a unit that is not loaded, which has nothing to reset
        ran = self._ask("restart", limit_s=self._timeout_s)
        if not ran.ok:
            raise UnhealthyError(f"{self._unit} does not start: {self._reason(ran)}")

    def stop(self) -> None:
        """Stop the unit and wait until it has ended; without the unit nothing runs."""
        ran = self._ask("stop", limit_s=self._timeout_s)
        if not ran.ok and self._seen()["ActiveState"] not in ENDED:
            raise UnhealthyError(f"{self._unit} does not end: {self._reason(ran)}")

    def status(self) -> Status:
        """Return what systemd says of the unit; one that is not installed says nothing about a version."""
        seen = self._seen()
        if seen["LoadState"] == "not-found":
            raise NoManagerError(
                f"there is no unit {self._unit}", "install it, then: systemctl daemon-reload"
            )
        running = seen["ActiveState"] in RUNS
        text = f"runs as process {seen['MainPID']}" if running else _words(seen)
        return Status(running, f"{self._unit} {text}", int(seen["NRestarts"]))

    def keep(self) -> None:
        """Do nothing: systemd starts an enabled unit at boot, and again as its ``Restart=`` says."""

    def by_hand(self) -> ByHand:
        """Return the commands; ``restart`` does not sit out the pause before a restart of systemd's own."""
        verbs = {verb: ["systemctl", verb, "--", self._unit] for verb in ("stop", "reset-failed", "restart")}
        start = [verbs["reset-failed"], verbs["restart"]]
        return ByHand(stop=[verbs["stop"]], start=start, limit_s=self._timeout_s)

    def _seen(self) -> dict[str, str]:
        ran = self._ask("show", SHOWN)
        if not ran.ok:
            raise NoManagerError(f"systemd does not answer: {ran.text()}", "see: systemctl is-system-running")
        return dict(line.split("=", 1) for line in ran.output.splitlines())

    def _reason(self, ran: commands.Ran) -> str:
        """Return why a job failed; what ``systemctl`` prints only points to the log."""
        return ran.text() if ran.status is None else _words(self._seen())

    def _ask(self, verb: str, *options: str, limit_s: float = ASK_S) -> commands.Ran:
        if not BOOTED.is_dir():
            raise NoManagerError("this host does not run systemd", "give the product another service.kind")
        ran = commands.run(["systemctl", verb, *options, "--", self._unit], Path("/"), limit_s)
        if not ran.started:
            raise NoManagerError(f"systemctl {ran.text()}", "install the tools of systemd")
        return ran


def _words(seen: dict[str, str]) -> str:
    if seen["LoadState"] != "loaded":
        return f"is {seen['LoadState']}"
    return f"is {seen['ActiveState']} ({seen['SubState']}), result {seen['Result']}"
