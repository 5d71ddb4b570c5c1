"""What a decision is made of: the host's facts, the signed facts, the question, and the answer."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Literal

import msgspec

from metadata.documents import Brake, Order, Policy
from metadata.release import Artifact, Release
from metadata.schedule import whole
from metadata.versions import parse, within
from metadata.windows import Window

Action = Literal["stay", "refuse", "wait", "update", "recall"]


class Decision(msgspec.Struct, frozen=True):
    """What to do, by which rule, in words."""

    action: Action
    rule: str
    text: str
    version: str | None = None
    """The version that was decided about."""
    until: datetime | None = None
    """For ``wait``: when to decide again."""
    may_stage: bool = False
    """For ``wait``: the download and the checks before the switch may happen now."""

    @property
    def goes(self) -> bool:
        """Whether the host starts a switch now."""
        return self.action in {"update", "recall"}


class Host(msgspec.Struct, frozen=True):
    """What a host knows about itself and one product."""

    agent_id: str
    product: str
    channel: str
    platform: str
    ring: str | None = None
    """A name that the host's token carries, to be early on purpose."""
    cohort_id: str | None = None
    """An id whose place the host takes instead of its own: hosts that must move together share one."""
    running: str | None = None
    """The version that is in place; None without the product."""
    stranded: bool = False
    """No version here is known to run."""
    highest_seq: int = 0
    """The highest ``seq`` ever committed here."""
    pin: str = ""
    windows: tuple[Window, ...] = ()
    zone: tzinfo = UTC
    quarantine: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Payload digests given up here, each with the order's ``retry`` noted then."""
    known: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Versions seen before and the digests of their release documents."""
    scope: frozenset[str] | None = None
    """``product/channel`` names that the registration token allows; None without a token."""
    hurried: bool = False
    """A person at the host asked not to wait for its turn; the policy says whether that counts."""

    @property
    def placed_id(self) -> str:
        """The id that its place is made of."""
        return self.cohort_id or self.agent_id


class Directed(msgspec.Struct, frozen=True):
    """An order, the wave whose role signed it, and the digest in its target entry."""

    order: Order
    wave: str
    sha256: str


class Releases(msgspec.Struct, frozen=True):
    """What the releases role lists: every live version's digest, and the documents in question."""

    digests: Mapping[str, str]
    documents: Mapping[str, Release]
    """By version; each has the digest above."""


class Question(msgspec.Struct, frozen=True):
    """The facts, and the version that is asked about."""

    host: Host
    policy: Policy
    directed: Directed
    brake: Brake
    releases: Releases
    issued: datetime | None
    now: datetime
    version: str
    sha256: str
    role: Literal["order", "base", "via"] = "order"
    """What the version is to the order."""
    at_once: bool = False
    """Rules 10 to 13 do not count: the host is below its base."""
    vias: int = 0

    @property
    def order(self) -> Order:
        """The order itself."""
        return self.directed.order

    @property
    def release(self) -> Release | None:
        """The release in question, when the releases role lists it."""
        return self.releases.documents.get(self.version)

    @property
    def artifact(self) -> Artifact | None:
        """What this host would install."""
        return self.release.artifact_for(self.host.platform) if self.release else None

    @property
    def recalled(self) -> bool:
        """Whether a recall in force covers what runs here; a stranded host runs nothing that needs cover."""
        recall, running = self.order.recall, self.host.running
        if recall is None or (recall.until and self.now >= recall.until):
            return False
        return self.host.stranded or (running is not None and within(running, recall.from_versions))

    @property
    def backwards(self) -> bool:
        """Whether the version in question is lower than what runs."""
        return self.host.running is not None and parse(self.version) < parse(self.host.running)

    def withdrawn(self, version: str) -> str | None:
        """Return why a version may not run any more, or None."""
        if entry := self.policy.revocation(version):
            return f"{version} is revoked: {entry.reason or 'no reason given'}"
        release = self.releases.documents.get(version)
        if release and release.seq < self.policy.floor_seq:
            return f"{version} is below the channel's floor ({release.seq} < {self.policy.floor_seq})"
        return None

    def refuse(self, rule: str, text: str) -> Decision:
        """Answer: no, and somebody should hear of it."""
        return Decision("refuse", rule, text, self.version)

    def stay(self, rule: str, text: str) -> Decision:
        """Answer: nothing to do."""
        return Decision("stay", rule, text, self.version)

    def wait(self, rule: str, text: str, until: datetime) -> Decision:
        """Answer: later."""
        may_stage = rule == "window"
        return Decision("wait", rule, f"{text} {utc(until)}", self.version, until, may_stage)


def utc(moment: datetime) -> str:
    """Return a moment as sentences have it, to the second."""
    return f"at {whole(moment.astimezone(UTC)):%Y-%m-%d %H:%M:%SZ}"
