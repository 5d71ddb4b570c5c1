"""The registration token: one paste that tells a host whom to trust and what it may follow.

It is a DSSE envelope in unpadded base64url, signed by a key that the repository's ``fleet/enrollment`` names.
"""

from typing import Annotated, ClassVar

from msgspec import Meta

from metadata.fields import EXACT, Count, Digest, Name, Part, Time

Stream = Annotated[str, Meta(pattern=rf"^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*{EXACT}", max_length=129)]
"""A channel with its product: ``product/channel``."""


class Token(Part, frozen=True, kw_only=True, tag_field="format", tag="tidegate.token/1"):
    """What whoever holds it may enrol, and with whom."""

    title: ClassVar[str] = "registration token"

    id: Annotated[str, Meta(pattern=rf"^[A-Za-z0-9-]{{1,64}}{EXACT}")]
    """Names it in reports and when it is revoked."""
    url: str
    """The store's base."""
    root_version: Annotated[int, Meta(ge=1)]
    """The version of the root that is pinned."""
    root_sha256: Digest
    """Digest of that root."""
    channels: Annotated[list[Stream], Meta(min_length=1)]
    """The channels that the host may follow, each as `product/channel`."""
    ring: Name | None = None
    """The ring that the host belongs to."""
    labels: dict[str, str] = {}
    """What reports of the host carry beside its own labels."""
    expires: Time
    """Nobody enrols from here on; enrolled hosts go on."""
    uses: Count = 0
    """How many hosts may enrol with it; 0 for any number. Counted when reports are collected."""
    headers: dict[str, str] = {}
    """Headers that the place for reports asks for."""
    critical: list[str] = []
    """Fields that a reader must know."""
