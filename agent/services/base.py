"""What the state machine needs of a service manager."""

from pathlib import Path
from typing import Any, Protocol

import msgspec

from metadata.errors import UnsuitableError


class NoManagerError(UnsuitableError):
    """The service manager itself is not there: nothing was learnt about the service."""


class Status(msgspec.Struct, frozen=True):
    """How the service is."""

    running: bool
    text: str
    restarts: int = 0
    """How often it was restarted since it was last started on purpose."""


class ByHand(msgspec.Struct, frozen=True, kw_only=True):
    """How the guard stops and starts a product, with nothing but the standard library."""

    stop: list[list[str]] = []
    """Commands, one after the other."""
    start: list[list[str]] = []
    limit_s: float = 60
    """How long each command may take."""
    child: dict[str, Any] | None = None
    """What the supervisor is asked instead, for a product that it runs."""


class Service(Protocol):
    """Starts, stops and looks after what a product runs. Each call may be repeated."""

    @property
    def runs(self) -> bool:
        """Whether there is something that runs, which a trial can watch."""

    @property
    def patience_s(self) -> float:
        """How long a stop and a start may take together."""

    def starts(self, folder: Path, /) -> list[str]:
        """Return the command that starts the version in a folder; empty where this host does not know it."""

    def start(self) -> None:
        """Start the current version.

        Raises:
            UnhealthyError: It cannot be started.
            NoManagerError: The manager itself is not there.
        """

    def stop(self) -> None:
        """Stop whatever runs and wait until it has ended; nothing running is fine.

        Raises:
            UnhealthyError: It does not end.
            NoManagerError: The manager itself is not there.
        """

    def status(self) -> Status:
        """Return how the service is.

        Raises:
            NoManagerError: The manager itself is not there.
        """

    def keep(self) -> None:
        """Let the manager look after the current version if nothing does; never raises."""

    def by_hand(self) -> ByHand:
        """Return how the guard stops and starts it when nobody else does."""
