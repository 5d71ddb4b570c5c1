"""Evidence: what was known of one wave when the next one was opened, published for anybody to read.

It stands in the store as ``status/evidence/<rollout>-<wave>.json``, under the wave that it opened; the order
of that wave has its digest. It is trusted only by way of that digest, which stands in its name, too, where a
publisher that was killed left something else under the other.
"""

from typing import Annotated, ClassVar

from msgspec import Meta

from metadata import versions
from metadata.documents import EvidenceCounts, Order
from metadata.fields import Count, Digest, Name, Part, Time


class WaveEvidence(Part, frozen=True, kw_only=True, tag_field="format", tag="tidegate.evidence/1"):
    """The hosts of a wave by what they reported about a rollout."""

    title: ClassVar[str] = "evidence"

    product: Name
    channel: Name
    rollout: Annotated[str, Meta(min_length=1, max_length=128)]
    """The rollout that was judged."""
    version: str
    """What its hosts were ordered to run."""
    wave: Name
    """The wave whose hosts were counted."""
    opened: Time
    """From when on they could start."""
    at: Time
    """When they were counted."""
    counts: EvidenceCounts
    """The hosts by their outcomes."""
    members: Count
    """Hosts of the wave that were enrolled before it opened."""
    started: Count
    """Of the expected, those that switched."""
    unfit: Count
    """Hosts that were unhealthy before and after, which tells nothing of the release."""
    reports: Count
    """Reports of these hosts about the rollout."""
    reports_sha256: Digest
    """Digest of the sorted digests of their payloads, in hex, one a line."""
    rule: str
    """Which rule of the gate opened the wave, or asked a person."""
    text: str
    """The same, for people."""

    def __post_init__(self) -> None:
        super().__post_init__()
        versions.parse(self.version)


def names_of(order: Order) -> list[str]:
    """Return where in a store the evidence is that an order names: the usual name first; none without it."""
    if order.evidence is None:
        return []
    plain = f"status/evidence/{order.rollout}-{order.wave}"
    return [f"{plain}.json", f"{plain}-{order.evidence.sha256[:16]}.json"]
