"""Files only: somebody else uses them when they like."""

from pathlib import Path

from agent.services.base import ByHand, Status


class NoService:
    """Starts nothing."""

    runs = False
    patience_s = 0.0

    def starts(self, _: Path) -> list[str]:
        """Return nothing: somebody else uses the files."""
        return []

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def status(self) -> Status:
        """Return that all is well."""
        return Status(True, "files only")

    def keep(self) -> None:
        """Do nothing: there is nothing to look after."""

    def by_hand(self) -> ByHand:
        """Return that a switched link is all there is to it."""
        return ByHand()
