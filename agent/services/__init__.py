"""Service managers behind one small interface: systemd, child, command, none; and the updater itself."""

from pathlib import Path

from agent import updater
from agent.services.base import ByHand, NoManagerError, Service, Status
from agent.services.child import ChildService
from agent.services.command import CommandService
from agent.services.none import NoService
from agent.services.resident import ResidentService
from agent.services.systemd import SystemdService
from agent.settings import Child, Commands, ProductSettings, Systemd

__all__ = ["ByHand", "NoManagerError", "Service", "Status", "service_for"]


def service_for(product: ProductSettings, state: Path, current: Path) -> Service:
    """Return the manager that a product's settings ask for.

    Args:
        product: The settings.
        state: The agent's state folder, where the supervisor listens.
        current: The link to the version that runs.
    """
    if product.name == updater.PRODUCT:
        unit = product.service if isinstance(product.service, Systemd) else None
        return ResidentService(unit, state, current)
    match product.service:
        case Child() as child:
            return ChildService(product.name, child, state, current)
        case Commands() as commands:
            return CommandService(commands, current)
        case Systemd() as systemd:
            return SystemdService(systemd)
        case _:
            return NoService()
