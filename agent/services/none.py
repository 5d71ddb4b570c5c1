"""Files only: somebody else uses them when they like."""

from agent.services.base import Status


class NoService:
    """Starts nothing."""

    runs = False

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def status(self) -> Status:
        """Return that all is well."""
        return Status(True, "files only")

    def keep(self) -> None:
        """Do nothing: there is nothing to look after."""
