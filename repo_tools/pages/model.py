"""What pages show, as frozen values: no page asks for more, and no value here is markup."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from repo_tools.pages.hostmodel import AgentPage, Event


@dataclass(frozen=True)
class Part:
    """A part of a bar: hosts of one kind."""

    kind: str
    """Its colour and sign, such as ``ok``; see ``site.css``."""
    label: str
    count: int


@dataclass(frozen=True)
class Layer:
    """One version's hosts over time."""

    label: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Timeline:
    """Hosts by version over time."""

    at: tuple[datetime, ...]
    step: timedelta
    """The time between two counts."""
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class ChannelFleet:
    """The hosts of one channel."""

    channel: str
    page: str
    """Its rollout's page."""
    present: int
    absent: int
    gone: int
    states: tuple[Part, ...]
    """What the present hosts are doing; their sum is ``present``."""
    versions: tuple[tuple[str, int], ...]
    timeline: Timeline


@dataclass(frozen=True)
class SignedChange:
    """One published change, in words."""

    at: datetime | None
    role: str
    version: int
    text: str
    signed_by: tuple[str, ...]


@dataclass(frozen=True)
class WavePart:
    """One wave of a rollout."""

    name: str
    share: str
    state: str
    """One of ``STANDS``."""
    earlier: str
    """The rollout that is under way there, and how far it is; empty in any other state."""
    version: str
    opens: datetime | None
    """When its first host may start, and its last by the spread."""
    spread_until: datetime | None
    closes: datetime | None
    members: int
    expected: int
    """Of the members, those that were heard of since and can take it."""
    settled: bool
    """Whether nothing is judged: it is complete, called back, or nobody enrolled before it began."""
    unheard: bool
    """Whether nobody enrolled before it began."""
    parts: tuple[Part, ...]
    """Its hosts by what became of them, or where nothing is judged, by what they do now; empty before it
    is ordered."""
    back: int
    """Of the failed, those that went back to what ran before."""
    recalled: int | None
    """Those that a recall calls back and that did not go yet; None where it calls nobody."""
    verdict: str
    """What the evidence says of the wave, in a sentence."""
    evidence: str
    """Where the evidence is that opened it, below ``status/``; empty where there is none."""


@dataclass(frozen=True)
class NextStep:
    """What comes next, and who can do it."""

    text: str
    who: str
    """Empty where it takes no key."""
    command: str
    tone: str = "go"
    """``go``, ``wait``, or ``stop`` where something went wrong."""


@dataclass(frozen=True)
class EarlierWave:
    """One wave that an earlier rollout reached."""

    name: str
    ordered: datetime | None
    """When its first order became public."""
    opens: datetime | None
    hosts: int
    """Those that spoke of it."""
    back: int
    """Those that went back to what ran before."""
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class EarlierRollout:
    """A rollout that another one followed."""

    channel: str
    page: str
    rollout: str
    version: str
    by: str
    reason: str
    recall: str
    began: datetime | None
    waves: tuple[EarlierWave, ...]
    signed: tuple[SignedChange, ...]

    def total(self, kind: str) -> int:
        """Return how many hosts of all waves are of a kind."""
        return sum(part.count for wave in self.waves for part in wave.parts if part.kind == kind)


@dataclass(frozen=True)
class RolloutPage:
    """The newest rollout of one channel."""

    channel: str
    page: str
    rollout: str
    """Empty before the first."""
    version: str
    strategy: str
    by: str
    reason: str
    recall: str
    brake: str
    """Why the brake holds it; empty if it does not."""
    verdict: str
    """What is known of its hosts, and what it waits for."""
    waves: tuple[WavePart, ...]
    next_step: NextStep | None
    signed: tuple[SignedChange, ...]
    earlier: tuple[EarlierRollout, ...]
    """The newest first."""

    @property
    def under_way(self) -> bool:
        """Whether there is something to widen, pause or resume; a recall reaches who was not heard yet."""
        return bool(self.rollout and (self.recall or self.next_step))


@dataclass(frozen=True)
class Failure:
    """Hosts that failed in the same way."""

    product: str
    rollout: str
    version: str
    stage: str
    reason: str
    agents: int
    newest: datetime | None


@dataclass(frozen=True)
class LabelCount:
    """Failures of the hosts that carry a label."""

    label: str
    agents: int


@dataclass(frozen=True)
class FailuresPage:
    """What went wrong, and where."""

    failures: tuple[Failure, ...]
    labels: tuple[LabelCount, ...]
    newest: tuple[tuple[str, Event], ...]
    """The newest failures, each with its host."""
    agents: tuple[AgentPage, ...]
    failed: int
    silent: int
    full: bool
    """Whether hosts are told by their ids, labels and logs."""


@dataclass(frozen=True)
class ReleaseRow:
    """How one release went."""

    product: str
    version: str
    state: str
    """``published``, ``retired``, ``revoked``, ``recalled`` or ``not listed``, in words."""
    started: int = 0
    kept: int = 0
    ok: int = 0
    back: int = 0
    failed: int = 0
    running: int = 0
    first: datetime | None = None

    @property
    def known(self) -> int:
        """The hosts of which it is known how it went."""
        return self.ok + self.failed


@dataclass(frozen=True)
class Expiry:
    """When a role's signatures end."""

    role: str
    at: datetime
    level: str
    """``ok``, ``soon``, ``late`` or ``expired``."""


@dataclass(frozen=True)
class AuditPage:
    """Every published change, and what ends when."""

    changes: tuple[SignedChange, ...]
    more: int
    """Older changes that are left out."""
    expiries: tuple[Expiry, ...]
    broken: tuple[str, ...]
    """What does not hold in the published history."""


@dataclass(frozen=True)
class Ahead:
    """What hosts stand still by next, if nobody does anything."""

    role: str
    """Whose signatures are too old then."""
    at: datetime
    commands: tuple[str, ...]
    """What mends it, in this order."""


@dataclass(frozen=True)
class Standstill:
    """Why hosts start nothing, whatever they are ordered."""

    channels: tuple[str, ...]
    """Those for whose hosts the live timestamp is too old."""
    expired: tuple[str, ...]
    """Roles whose signatures have ended."""
    commands: tuple[str, ...]
    """What mends it, in this order."""
    ahead: Ahead
    """What comes next: pages that nobody builds anew say it by themselves."""


@dataclass(frozen=True)
class Model:
    """All pages, as of one moment."""

    title: str
    heard: datetime | None
    """When the newest report came."""
    stale: bool
    """Whether that was long before these pages were made."""
    issued: datetime | None
    """When the live timestamp was signed."""
    standstill: Standstill
    fleet: Sequence[ChannelFleet]
    rollouts: Sequence[RolloutPage]
    failures: FailuresPage
    history: Sequence[ReleaseRow]
    audit: AuditPage
