"""What the state machine needs of a service manager."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Status:
    """How the service is."""

    running: bool
    text: str
    restarts: int = 0
    """How often it was restarted since it was last started on purpose."""


class Service(Protocol):
    """Starts, stops and looks after what a product runs. Each call may be repeated."""

    def start(self) -> None:
        """Start the current version.

        Raises:
            UnhealthyError: It cannot be started.
            UnsuitableError: The manager itself is not there.
        """

    def stop(self) -> None:
        """Stop whatever runs and wait until it has ended; nothing running is fine.

        Raises:
            UnhealthyError: It does not end.
        """

    def status(self) -> Status:
        """Return how the service is; never raises."""
