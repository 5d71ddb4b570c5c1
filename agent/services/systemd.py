"""systemd runs the product, as a unit that the operator installed; asked through ``systemctl``.

systemd counts restarts by itself: ``NRestarts``, from zero again after a stop or ``reset-failed``. A unit
that its start limit has stopped is started for nobody until ``reset-failed``. How long a start and a stop may
take is the unit's own matter: its limits are read, and what comes later than they allow is an error.
"""

import re
from pathlib import Path

import msgspec

from agent import commands
from agent.services.base import ByHand, NoManagerError, Status
from agent.settings import Systemd
from metadata.errors import UnhealthyError, UnsuitableError

BOOTED = Path("/run/systemd/system")
"""There when systemd is PID 1: sd_booted(3)."""
ASK_S = 30
SHOWN = "--property=LoadState,ActiveState,SubState,NRestarts,Result,MainPID"
LIMITS = "--property=TimeoutStartUSec,TimeoutStopUSec"
RUNS = {"active", "reloading"}
ENDED = {"inactive", "failed"}

UNUSABLE = {
    "not-found": ("there is no unit {unit}", "install it, then: systemctl daemon-reload"),
    "masked": ("{unit} is masked", "let it be started again: systemctl unmask {unit}"),
}
"""What says nothing about any version, by ``LoadState``, and its mend."""
PHASES = 3
"""Each limit counts for what comes before, the thing itself and what comes after: systemd.service(5)."""
ENDLESS_S = 600
"""What counts for a limit that is ``infinity``."""
UNITS_S = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "min": 60,
    "h": 3_600,
    "d": 86_400,
    "w": 604_800,
    "month": 2_629_800,
    "y": 31_557_600,
}
"""As systemd prints spans: systemd.time(7)."""


class UnitState(msgspec.Struct, frozen=True):
    """How a unit is."""

    active: bool
    text: str


class SystemdService:
    """Starts, stops and looks after one unit."""

    runs = True

    def __init__(self, settings: Systemd) -> None:
        self._unit = settings.unit
        self._timeout_s = settings.timeout_s

    @property
    def patience_s(self) -> float:
        """How long a stop and a start may take together, with the questions between them."""
        return sum(self._limits_s()) + 4 * ASK_S

    def starts(self, _: Path) -> list[str]:
        """Return nothing: what a unit starts is systemd's own matter."""
        return []

    def start(self) -> None:
        """Start the unit and wait until it is ready, as its ``Type=`` says it.

        It has been stopped before, so ``restart`` starts it; ``start`` would sit out the pause of a unit that
        systemd is about to start again.
        """
        start_s, _ = self._limits_s()
        _ask(self._unit, "reset-failed")  # fails for a unit that is not loaded, which has nothing to reset
        ran = _ask(self._unit, "restart", limit_s=start_s)
        if not ran.ok:
            if trouble := self._unusable(_seen(self._unit)):
                raise UnsuitableError(*trouble)
            raise UnhealthyError(f"{self._unit} does not start: {self._reason(ran)}")

    def stop(self) -> None:
        """Stop the unit and wait until it has ended; without the unit nothing runs."""
        _, stop_s = self._limits_s()
        ran = _ask(self._unit, "stop", limit_s=stop_s)
        if not ran.ok and _seen(self._unit)["ActiveState"] not in ENDED:
            raise UnhealthyError(f"{self._unit} does not end: {self._reason(ran)}")

    def status(self) -> Status:
        """Return what systemd says of the unit; one that is not installed says nothing about a version."""
        seen = _seen(self._unit)
        if trouble := self._unusable(seen):
            raise NoManagerError(*trouble)
        running = seen["ActiveState"] in RUNS
        text = f"runs as process {seen['MainPID']}" if running else _words(seen)
        return Status(running, f"{self._unit} {text}", int(seen["NRestarts"]))

    def keep(self) -> None:
        """Do nothing: systemd starts an enabled unit at boot, and again as its ``Restart=`` says."""

    def by_hand(self) -> ByHand:
        """Return the commands; ``restart`` does not sit out the pause before a restart of systemd's own."""
        verbs = {verb: ["systemctl", verb, "--", self._unit] for verb in ("stop", "reset-failed", "restart")}
        start = [verbs["reset-failed"], verbs["restart"]]
        return ByHand(stop=[verbs["stop"]], start=start, limit_s=max(self._limits_s()))

    def _unusable(self, seen: dict[str, str]) -> tuple[str, str] | None:
        """Return why systemd would start this unit for no version at all, and what mends it."""
        if found := UNUSABLE.get(seen["LoadState"]):
            text, hint = (part.format(unit=self._unit) for part in found)
            return text, hint
        return None

    def _limits_s(self) -> tuple[float, float]:
        """Return how long a start and a stop may take; without an answer, what systemd's defaults are."""
        if self._timeout_s is not None:
            return self._timeout_s, self._timeout_s
        try:
            ran = _ask(self._unit, "show", LIMITS)
        except NoManagerError:
            ran = commands.Ran(None, "")
        said = dict(line.split("=", 1) for line in ran.output.splitlines() if "=" in line)
        start, stop = (span_s(said.get(f"Timeout{verb}USec", "90s")) for verb in ("Start", "Stop"))
        return PHASES * start + ASK_S, PHASES * stop + ASK_S

    def _reason(self, ran: commands.Ran) -> str:
        """Return why a job failed; what ``systemctl`` prints only points to the log."""
        return ran.text() if ran.status is None else _words(_seen(self._unit))


def unit_state(unit: str) -> UnitState:
    """Return how any unit is.

    Raises:
        NoManagerError: systemd is not there.
    """
    seen = _seen(unit)
    return UnitState(seen["ActiveState"] in RUNS, _words(seen))


def span_s(text: str) -> float:
    """Return the seconds of a span as systemd prints it, such as ``1min 30s``."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|min|h|d|w|month|y)\b", text)
    return sum(float(number) * UNITS_S[unit] for number, unit in parts) if parts else ENDLESS_S


def _seen(unit: str) -> dict[str, str]:
    ran = _ask(unit, "show", SHOWN)
    if not ran.ok:
        raise NoManagerError(f"systemd does not answer: {ran.text()}", "see: systemctl is-system-running")
    return dict(line.split("=", 1) for line in ran.output.splitlines())


def _ask(unit: str, verb: str, *options: str, limit_s: float = ASK_S) -> commands.Ran:
    if not BOOTED.is_dir():
        raise NoManagerError("this host does not run systemd", "give the product another service.kind")
    ran = commands.run(["systemctl", verb, *options, "--", unit], Path("/"), limit_s)
    if not ran.started:
        raise NoManagerError(f"systemctl {ran.text()}", "install the tools of systemd")
    return ran


def _words(seen: dict[str, str]) -> str:
    if seen["LoadState"] != "loaded":
        return f"is {seen['LoadState']}"
    return f"is {seen['ActiveState']} ({seen['SubState']}), result {seen['Result']}"
