"""The release document: one version of a product, what each platform installs, and when it is healthy."""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from metadata import versions
from metadata.fields import Command, Count, Digest, Name, Part, Platform, Pointer, Seconds, Unit
from metadata.paths import safe_path, suffix_of


class Probe(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One question about health: http, tcp, exec or systemd; exactly one of them."""

    http: str | None = None
    """URL to get."""
    status: int = 200
    """The HTTP status that counts as healthy."""
    json: str | None = None
    """Where in a JSON answer to look, such as ``/checks/db`` (RFC 6901); ``expect`` is the value."""
    tcp: str | None = None
    """``host:port`` that must accept a connection."""
    exec: Command | None = None
    """Command that must exit 0; relative to the version's folder unless it begins with a slash."""
    systemd: Unit | None = None
    """Service of systemd that must be active."""
    expect: str | None = None
    """A whole word that must stand in the command's output, or in the body of the HTTP answer."""
    interval_s: Annotated[int, Meta(ge=1)] = 5
    """Asked at least this often; never less often than the trial lasts."""
    timeout_s: Annotated[int, Meta(ge=1)] = 5
    """An answer that takes longer is none."""

    def __post_init__(self) -> None:
        asked = [kind for kind in (self.http, self.tcp, self.exec, self.systemd) if kind is not None]
        if len(asked) != 1:
            raise ValueError("a health entry is one of http, tcp, exec and systemd")
        if self.json is not None and (self.http is None or self.expect is None):
            raise ValueError("json needs http and expect")
        if self.json and not self.json.startswith("/"):
            raise ValueError(f"not a JSON pointer: {self.json!r}")
        if self.http is not None and not self.http.startswith(("http://", "https://")):
            raise ValueError(f"not an http URL: {self.http!r}")
        if self.tcp is not None and not self.tcp.rpartition(":")[2].isdecimal():
            raise ValueError(f"not host:port: {self.tcp!r}")

    def text(self) -> str:
        """Return the probe as people write it, for messages."""
        if self.exec is not None:
            return f"exec {' '.join(self.exec)}"
        if self.systemd is not None:
            return f"systemd {self.systemd}"
        if self.tcp is not None:
            return f"tcp {self.tcp}"
        return f"http {self.http}" + (f" at {self.json}" if self.json else "")


class Hook(Part, frozen=True, kw_only=True, omit_defaults=True):
    """A command that is run around a switch."""

    exec: Command
    """Command that must exit 0; before a switch, 75 puts it off."""
    timeout_s: Annotated[int, Meta(ge=1, le=3_600)] = 60
    """How long it may take."""


class Delta(Part, frozen=True, kw_only=True):
    """A patch that makes this artifact's payload from an older version's."""

    from_version: str = msgspec.field(name="from")
    """The version whose payload is patched."""
    path: str
    """Target path of the patch."""


class Attestation(Part, frozen=True, kw_only=True):
    """A statement by somebody else about an artifact, such as a detached signature."""

    type: str
    """Such as `gpg`."""
    path: str
    """Target path of the statement."""


class Artifact(Part, frozen=True, kw_only=True):
    """What one platform installs."""

    platform: Platform
    """System and machine as `uname` has them, in lower case."""
    path: str
    """Target path of the artifact."""
    kind: Literal["tree", "file"]
    """An archive that becomes a folder, or one executable."""
    name: str | None = None
    """File name under which a ``file`` is installed."""
    payload_sha256: Digest
    """Digest of the uncompressed tar, of the zip itself, or of the file."""
    payload_bytes: Count
    """Length of that payload."""
    deltas: list[Delta] = []
    """Patches that may replace the download."""
    attestations: list[Attestation] = []
    """Statements that a host may demand."""

    def __post_init__(self) -> None:
        safe_path(self.path)
        if self.kind == "tree":
            suffix_of(self.path)
        elif self.name is None or "/" in safe_path(self.name):
            raise ValueError("a file artifact needs a plain name")


class Release(Part, frozen=True, kw_only=True, tag_field="format", tag="tidegate.release/1"):
    """One version of a product."""

    title: ClassVar[str] = "release document"

    product: Name
    version: str
    """PEP 440, in normal form."""
    seq: Annotated[int, Meta(ge=1)]
    """Grows with every release ever added to the product."""
    requires: str | None = None
    """Range of versions that may update to this one directly."""
    via: Pointer | None = None
    """Where a host outside ``requires`` goes first."""
    notes: str | None = None
    """Where people read about it."""
    artifacts: Annotated[list[Artifact], Meta(min_length=1)]
    """One for each platform."""
    probe: Probe | None = None
    """Asked of the staged version before anything is stopped."""
    health: list[Probe] = []
    """What must hold during the trial."""
    pre_switch: Hook | None = None
    """Run from the new version's folder before what runs is stopped."""
    post_switch: Hook | None = None
    """Run from the new version's folder when it has been started."""
    start_s: Seconds = 120
    """How long a health entry may take to begin to hold."""
    trial_s: Annotated[int, Meta(ge=0, le=86_400)] = 600
    """How long everything must hold in a row."""
    soak_s: Seconds = 14_400
    """When, after the trial, a host reports once more."""
    critical: list[str] = []
    """Fields that a reader must know."""

    def __post_init__(self) -> None:
        versions.parse(self.version)
        if self.requires is not None:
            versions.span(self.requires)
        if self.probe is not None and self.probe.exec is None:
            raise ValueError("probe must be an exec")

    def artifact_for(self, platform: str) -> Artifact | None:
        """Return what a platform installs, or None when the release has nothing for it."""
        return next((found for found in self.artifacts if found.platform == platform), None)

    def paths(self) -> set[str]:
        """Return the target paths of all the files that it names."""
        found = {one.path for one in self.artifacts}
        for artifact in self.artifacts:
            found |= {one.path for one in artifact.deltas} | {one.path for one in artifact.attestations}
        return found
