"""The documents that steer agents: order, brake, policy, enrollment.

Each is a frozen struct whose fields are the format; a field's name says its unit. The fields that may be
left out, and their defaults, are part of the format. The JSON Schemas are generated from here.
"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from metadata import versions
from metadata.fields import Count, Digest, Name, Part, Pointer, Seconds, Time


class Recall(Part, frozen=True, kw_only=True):
    """Permission to go back."""

    from_versions: str = msgspec.field(name="from")
    """The versions that are called back; always with an upper bound."""
    until: Time | None = None
    """The recall covers nothing from here on."""
    reason: str = ""
    """What hosts say when they go back."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not versions.bounded_above(self.from_versions):
            raise ValueError(f"recall from {self.from_versions!r} has no upper bound")


class EvidenceCounts(Part, frozen=True, kw_only=True):
    """The agents of a wave by what was heard of them."""

    expected: Count
    """Seen since the order opened, and eligible."""
    heard: Count
    """Expected, and reported an outcome."""
    ok: Count
    """Updated and kept it."""
    failed: Count
    """Failed at least once; this outweighs successes."""
    silent: Count
    """Started, and reported no outcome."""


class Evidence(Part, frozen=True, kw_only=True):
    """The reports that justified widening a rollout."""

    sha256: Digest
    """Digest of the published evidence."""
    counts: EvidenceCounts


class Order(Part, frozen=True, kw_only=True, tag_field="format", tag="tidegate.order/1"):
    """What a wave says about a route."""

    title: ClassVar[str] = "order"

    product: Name
    channel: Name
    wave: Name
    """The role that signs; an order in another role is refused."""
    rollout: Annotated[str, Meta(min_length=1, max_length=128)]
    """Name of the rollout, which brakes and reports use."""
    version: str
    """What hosts on this route are to run."""
    state: Literal["go", "hold"]
    """`hold` starts nothing new."""
    base: Pointer | None = None
    """Where a host without the product, or below it, goes at once."""
    not_before: Time | None = None
    """No host starts before."""
    spread_s: Seconds = 0
    """Over how many seconds hosts start, each at its own fraction."""
    not_after: Time | None = None
    """Unless somebody renews the order, no further agent starts from here on."""
    urgent: bool = False
    """Windows do not count."""
    retry: Count = 0
    """Raised to try again where hosts gave the payload up."""
    recall: Recall | None = None
    """Which versions may go back to this one."""
    by: str = ""
    """Who made the order."""
    reason: str = ""
    """Why, for people."""
    evidence: Evidence | None = None
    """The reports that opened this wave."""
    critical: list[str] = []
    """Fields that a reader must know."""

    def __post_init__(self) -> None:
        super().__post_init__()
        versions.parse(self.version)


class Held(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One rollout or one version that the brake holds."""

    rollout: str | None = None
    """Orders of this rollout start nothing."""
    version: str | None = None
    """Orders to this version, and ways through it, start nothing."""

    def __post_init__(self) -> None:
        if (self.rollout is None) == (self.version is None):
            raise ValueError("a brake entry names a rollout or a version")
        if self.version is not None:
            versions.parse(self.version)  # written otherwise it would hold nothing


class Brake(Part, frozen=True, kw_only=True, tag_field="format", tag="tidegate.brake/1"):
    """What must not start now; it can stop anything and start nothing."""

    title: ClassVar[str] = "brake"

    hold: list[Held] = []
    """What is held."""
    since: Time | None = None
    """When the brake last changed; starts spread from here after it was lifted."""
    by: str = ""
    """Who pulled it."""
    reason: str = ""
    """Why, for people."""
    critical: list[str] = []
    """Fields that a reader must know."""

    def holds_version(self, version: str) -> bool:
        """Return whether starts of a version are held."""
        return any(entry.version and versions.same(entry.version, version) for entry in self.hold)

    def holds_rollout(self, rollout: str) -> bool:
        """Return whether a rollout is held."""
        return any(entry.rollout == rollout for entry in self.hold)


class Revoked(Part, frozen=True, kw_only=True):
    """A version that nobody may start, and why."""

    version: str
    """The version, in normal form."""
    reason: str = ""
    """Why, for people."""

    def __post_init__(self) -> None:
        versions.parse(self.version)


class Reporting(Part, frozen=True, kw_only=True):
    """Where agents send reports, and how often they say that they live."""

    url: str
    """Where reports are put."""
    heartbeat_s: Seconds = 86_400
    """A host that has nothing to say says so this often."""


class WaveShare(Part, frozen=True, kw_only=True):
    """A wave's cumulative share, for people."""

    name: Name
    percent: str
    """Cumulative share, in decimal digits."""


class Policy(Part, frozen=True, kw_only=True, tag_field="format", tag="tidegate.policy/1"):
    """What a channel says to all its agents."""

    title: ClassVar[str] = "policy"

    product: Name
    channel: Name
    salt: str
    """Text that, with the agent id, makes a place."""
    floor_seq: Count = 0
    """No release below this sequence number may be started."""
    revoked: list[Revoked] = []
    """Versions that may not be started."""
    pins_yield: bool = True
    """A pin does not keep a revoked version running."""
    allow_now: bool = False
    """A host's operator may go ahead of its turn."""
    poll_s: int = 900
    """How often hosts look; they clamp it to 1 to 86,400."""
    fresh_s: Seconds = 86_400
    """A repository that was last signed longer ago starts nothing."""
    report: Reporting | None = None
    """None: hosts report nothing."""
    waves: list[WaveShare] = []
    """Shares for people; the delegations are what counts."""
    critical: list[str] = []
    """Fields that a reader must know."""

    def revocation(self, version: str) -> Revoked | None:
        """Return why a version is revoked, or None."""
        return next((entry for entry in self.revoked if versions.same(entry.version, version)), None)


class Enrollment(Part, frozen=True, kw_only=True, tag_field="format", tag="tidegate.enrollment/1"):
    """Who may sign registration tokens, and what was revoked."""

    title: ClassVar[str] = "enrollment document"

    keys: list[dict[str, Any]] = []
    """Public keys that may sign registration tokens."""
    revoked_tokens: list[str] = []
    """Token ids."""
    revoked_agents: list[str] = []
    """Agent ids."""
    critical: list[str] = []
    """Fields that a reader must know."""
