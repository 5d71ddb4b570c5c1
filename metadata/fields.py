"""The kinds of field that documents are made of; each states its own limits, which the schemas repeat."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from metadata import versions

EXACT = r"$(?!\n)"  # in Python alone, `$` also matches before a final newline

Name = Annotated[str, Meta(pattern=rf"^[a-z][a-z0-9-]*{EXACT}", max_length=64)]
"""A product, channel, wave or ring."""
AgentId = Annotated[str, Meta(pattern=rf"^(?!\.\.?$)[A-Za-z0-9._-]{{1,64}}{EXACT}")]
"""Never ``.`` or ``..``: it names a folder wherever reports are kept."""
Digest = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{64}}{EXACT}")]
"""SHA-256 in lower-case hex."""
Time = Annotated[datetime, Meta(tz=True)]
MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader holds exactly (RFC 8259 section 6)."""

Seconds = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Command = Annotated[list[str], Meta(min_length=1)]
Unit = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9:_.@\\-]{{1,247}}\.service{EXACT}")]
"""A service of systemd."""
Platform = Annotated[str, Meta(pattern=rf"^[a-z0-9_]+-[a-z0-9_]+{EXACT}")]

RESERVED_NAMES = frozenset({"selected", "default", "policy", "brake", "releases", "fleet"})


def time_text(moment: datetime) -> str:
    """Return a moment as documents write it: UTC, in whole seconds, such as ``2026-11-22T12:00:00Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of everything that stands in a document."""

    def __post_init__(self) -> None:
        """Refuse times that are not in UTC; every subclass adds its own rules."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, datetime) and value.utcoffset() != timedelta(0):
                raise ValueError(f"{name} is not in UTC")


class Pointer(Part, frozen=True, kw_only=True):
    """One version and the SHA-256 of its release document."""

    version: str
    """The version, in normal form."""
    sha256: Digest
    """Digest of its release document."""

    def __post_init__(self) -> None:
        versions.parse(self.version)
