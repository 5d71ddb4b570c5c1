"""What the steps of one tick share: one product's settings, memory, folders, service and repository."""

import contextlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agent import clock, control
from agent.health import Health
from agent.identity import Identity
from agent.journal import Event, Journal
from agent.repository import Repository
from agent.resolve import Facts, resolve
from agent.services import Service, service_for
from agent.settings import ProductSettings, Settings
from agent.slots import Slots
from agent.states import State, Update
from agent.status import watched
from agent.together import Neighbour
from metadata.errors import TidegateError, UnsuitableError
from metadata.facts import Host
from metadata.release import Probe, Release
from metadata.strict import decode
from metadata.versions import parse
from metadata.windows import Window

NEAR_FUTURE_S = 300
"""How far a clock may be behind a signed issue time before it is named as the trouble."""


READ_S = 600
"""What reading the repository may take: some requests of a minute each."""


class Result(msgspec.Struct, frozen=True):
    """How a step ended."""

    ok: bool
    update: Update | None = None
    event: Event | None = None
    halt: bool = False
    """Nothing more can be done in this tick."""


class Work:
    """One product during one tick."""

    def __init__(
        self,
        settings: Settings,
        product: ProductSettings,
        journal: Journal,
        identity: Identity,
        read: Callable[[], Repository],
    ) -> None:
        self.settings = settings
        self.product = product
        self.journal = journal
        self.identity = identity
        self.read = read
        self.hurried = False
        self.slots = Slots(settings.products_folder / product.name)
        self.service: Service = service_for(product, settings.state_folder, self.slots.current)

    @property
    def name(self) -> str:
        """The product's name."""
        return self.product.name

    @property
    def platform(self) -> str:
        """What this host installs."""
        return self.product.platform or platform()

    @property
    def watched(self) -> str:
        """Why the product is only watched; empty when it is managed."""
        return watched(self.product, self.journal)

    def neighbours(self) -> dict[str, Neighbour]:
        """Return the other products on this host."""
        others = [entry.name for entry in self.settings.product if entry.name != self.name]
        return {name: self._neighbour(name) for name in others}

    def _neighbour(self, name: str) -> Neighbour:
        stuck = self.journal.recall(f"trouble/{name}") is not None  # it must not hold up all others for good
        state = State.IDLE if stuck else self.journal.standing(name)
        try:
            running = Slots(self.settings.products_folder / name).running()
        except UnsuitableError:  # somebody turned its link elsewhere, which is said when its own turn comes
            running = None
        return Neighbour(running, state)

    @property
    def stranded(self) -> bool:
        """Whether no version of the product is known to run here."""
        state, update = self.journal.state(self.name)
        return state is State.STRANDED or (update is not None and update.stranded)

    @property
    def downloads(self) -> Path:
        """Where artifacts are kept while they come."""
        return self.settings.state_folder / "downloads"

    def backup_folder(self, update: Update) -> Path:
        """Return where the configuration is copied before this update."""
        stamp = f"{update.chosen_at:%Y%m%dT%H%M%S}"
        return self.settings.state_folder / "backups" / self.name / f"{stamp}-{update.version}"

    def host(self) -> Host:
        """Return the facts about this host that a decision needs."""
        recall = self.journal.recall
        scope = frozenset(self.identity.scope) if self.identity.scope is not None else None
        return Host(
            agent_id=self.identity.agent,
            product=self.name,
            channel=self.product.channel,
            platform=self.platform,
            ring=self.identity.ring,
            cohort_id=self.identity.cohort_id,
            running=self.slots.running(),
            stranded=self.stranded,
            highest_seq=recall(f"highest_seq/{self.name}", 0),
            pin=self.pin(),
            windows=tuple(Window.parse(text) for text in self.product.windows),
            zone=clock.host_zone() if self.product.windows else UTC,
            quarantine=self.journal.quarantine(self.name),
            known=self.journal.documents(self.name),
            scope=scope,
            hurried=self.hurried,
        )

    def pin(self, ordered: str | None = None) -> str:
        """Return the pin in force: the operator's command, or else the settings.

        A pin that a local rollback left ends when a release above the one that was left is ordered.
        """
        pin = self.journal.recall(f"pin/{self.name}")
        if pin and ordered and pin.get("above") and parse(ordered) > parse(pin["above"]):
            return self.product.pin
        return pin["range"] if pin else self.product.pin

    def facts(self, now: datetime) -> tuple[Host, Facts]:
        """Refresh the repository and return what host and repository say."""
        self.announce(READ_S, "asking the repository")
        host = self.host()
        facts = resolve(self.read(), host, self.journal, now)
        if facts.directed:
            host = msgspec.structs.replace(host, pin=self.pin(facts.directed.order.version))
        self._note_clock(facts, now)
        return host, facts

    def _note_clock(self, facts: Facts, now: datetime) -> None:
        """A clock is judged by signed issue times only; it cannot be judged by itself."""
        behind = facts.issued and (facts.issued - now).total_seconds() > NEAR_FUTURE_S
        trouble = f"this host's clock is behind the repository's, which was signed at {facts.issued}"
        said = facts.policy.report
        reporting = {f"reporting/{self.name}": msgspec.to_builtins(said) if said else None}
        self.journal.remember(
            {"clock": trouble if behind else None, "poll_s": facts.policy.poll_s, **reporting}
        )

    def health(self, release: Release | None, version: str) -> Health:
        """Return the probes of a version: its release's, and those of the settings."""
        entries: list[Probe] = [*(release.health if release else []), *self.product.health]
        return Health(tuple(entries), self.slots.slot(version))

    def old_release(self, version: str) -> Release | None:
        """Return the release document of a version that was installed here before."""
        body = self.journal.document(self.name, version)
        return decode(body, Release) if body else None

    def event(
        self, update: Update | None, stage: str, outcome: str, reason: str = "", detail: str = ""
    ) -> Event:
        """Return a line of history about an update."""
        return Event(
            product=self.name,
            stage=stage,
            outcome=outcome,
            reason=reason,
            detail=detail[:2000],
            wave=update.wave if update else None,
            rollout=update.rollout if update else None,
            from_version=update.before if update else self.slots.running(),
            to_version=update.version if update else None,
        )

    def announce(self, seconds: float, text: str) -> None:
        """Tell the supervisor how long the next step may take."""
        self._tell({"op": "deadline", "seconds": seconds, "text": f"{self.name}: {text}"})

    def stay_close(self) -> None:
        """Tell the supervisor to come back at once should this tick die between two versions."""
        self._tell({"op": "next", "seconds": 1})

    def keep_running(self) -> None:
        """Let the service manager run what is in place, where it is ours to run."""
        if self.slots.running() is not None and not self.stranded and not self.watched:
            self.service.keep()

    def leave_running(self) -> None:
        """Start what is current, if nothing runs: a tick that gives up between two versions leaves one up."""
        with contextlib.suppress(TidegateError, OSError):
            if self.service.runs and self.slots.running() and not self.service.status().running:
                self.service.start()

    def _tell(self, request: dict[str, object]) -> None:
        with contextlib.suppress(control.NoSupervisorError):
            control.ask(self.settings.state_folder, request)


def platform() -> str:
    """Return this host's platform as releases name it: ``<system>-<machine>``."""
    name = os.uname()
    return f"{name.sysname}-{name.machine}".lower()
