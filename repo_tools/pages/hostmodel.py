"""What pages show of single hosts, as frozen values; whatever a host said is text."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Event:
    """One report of a host, as a page tells it."""

    at: datetime | None
    stage: str
    outcome: str
    version: str
    rollout: str
    reason: str
    log: tuple[str, ...]
    """Lines of what the host said happened."""


@dataclass(frozen=True)
class Update:
    """What a host said of one order, or between two."""

    version: str
    rollout: str
    """Empty where it was not about an order."""
    events: tuple[Event, ...]
    """The newest first."""

    @property
    def steps(self) -> tuple[Event, ...]:
        """The events in their order."""
        return self.events[::-1]


@dataclass(frozen=True)
class HostRow:
    """One host in a list."""

    agent: str
    product: str
    channel: str
    """With its product."""
    wave: str
    running: str
    state: str
    """One of ``fleet.KINDS``."""
    rule: str
    """Of the decision that stands, in the host's own words."""
    heard: datetime | None


@dataclass(frozen=True)
class AgentPage:
    """One host: what it is, and what it told."""

    row: HostRow
    page: str
    """Its name in the static site."""
    place: str
    fraction: str
    """How much of its wave starts before it."""
    text: str
    """The sentence of the decision that stands, in its own words."""
    decided: datetime | None
    """When it told that decision; what it runs may have changed since."""
    pin: str | None
    """The versions that it keeps to; None where it never said."""
    windows: tuple[str, ...]
    """When updates may start there."""
    labels: tuple[tuple[str, str], ...]
    updates: tuple[Update, ...]
    """The newest first."""


@dataclass(frozen=True)
class Foretold:
    """What a host decides by what is published now."""

    action: str
    rule: str
    text: str
    route: str
    """The route that answers it; empty where none does."""
    until: datetime | None
    assumed: tuple[str, ...]
    """What only the host knows."""


@dataclass(frozen=True)
class Asked:
    """Which hosts somebody wants to see."""

    text: str = ""
    """A part of the id, of what it runs, or of a label."""
    state: str = ""
    channel: str = ""
    page: int = 0


@dataclass(frozen=True)
class HostsPage:
    """One page of a list of hosts."""

    asked: Asked
    rows: tuple[HostRow, ...]
    total: int
    pages: int
