"""The hosts of a simulation, made from numbers: each is the same in every run. Pure."""

from dataclasses import dataclass
from hashlib import blake2b

from repo_tools.collect.records import Standing
from repo_tools.output import counted

DAY_S = 86_400


@dataclass(frozen=True)
class Hours:
    """When a host is there."""

    never: bool = False
    from_s: int | None = None
    """Seconds of the day from which it is there for ten hours; None: always."""

    LENGTH_S = 36_000

    def next_there(self, at_s: int) -> int | None:
        """Return the first second from ``at_s`` on at which the host is there; None where it never is."""
        if self.never:
            return None
        if self.from_s is None:
            return at_s
        into = (at_s - self.from_s) % DAY_S
        return at_s if into < self.LENGTH_S else at_s + DAY_S - into


@dataclass(frozen=True)
class Member:
    """One host as a simulation begins."""

    name: str
    standing: Standing
    hours: Hours
    fails: bool
    """Whether the release fails on it."""
    phase: float
    """When in the time between two polls it polls, and when in the day it says that it lives."""
    running: str | None = None
    """None: what every host runs."""


@dataclass(frozen=True)
class Fleet:
    """Who the hosts are, and how they fare; shares are of 1."""

    agents: int = 10_000
    offline: float = 0.03
    """Never there."""
    part_time: float = 0.0
    """Only there for ten hours a day, each at hours of its own."""
    background: float = 0.002
    """Fail at every release, whatever it is."""
    bad: float = 0.0
    """Fail at this release."""
    seed: int = 0

    @property
    def there(self) -> float:
        """How many hosts are there on average."""
        return self.agents * (1 - self.offline - self.part_time * (1 - Hours.LENGTH_S / DAY_S))

    @property
    def text(self) -> str:
        """What people call it."""
        return counted(self.agents, "host")

    @property
    def versions(self) -> frozenset[str]:
        """What single hosts run that is not what every host runs."""
        return frozenset()

    def member(self, number: int) -> Member:
        """Return a host."""
        return Member(
            f"host-{number}",
            Standing(),
            self._hours(number),
            self.fails(number),
            self.chance(number, "phase"),
        )

    def chance(self, number: int, what: str) -> float:
        """Return a number in [0, 1) that is a host's own for a purpose."""
        drawn = blake2b(f"{self.seed}/{what}/{number}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn) / 2**64

    def fails(self, number: int) -> bool:
        """Return whether the release fails on a host."""
        return self.chance(number, "fails") < self.background + self.bad * (1 - self.background)

    def _hours(self, number: int) -> Hours:
        drawn = self.chance(number, "there")
        if drawn < self.offline:
            return Hours(never=True)
        if drawn < self.offline + self.part_time:
            return Hours(from_s=int(self.chance(number, "hours") * DAY_S))
        return Hours()
