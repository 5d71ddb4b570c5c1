"""Settings: what the operator wrote in ``agent.toml``, declared once.

An unknown key is an error where a person looks (enroll, check, doctor) and a warning in run and tick: an
updater that went back to an older version must still start.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from metadata import versions
from metadata.errors import MalformedError, TidegateError, UsageError
from metadata.fields import Command, Name, Unit
from metadata.release import Hook, Probe
from metadata.strict import unknown_fields
from metadata.windows import Window

DEFAULT_CONFIG = Path("/etc/tidegate/agent.toml")
DAY_S = 86_400
"""The longest that anything may take that is waited for, as a release's trial."""


class Child(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="child"):
    """The supervisor runs the product itself; a stop ends whatever that has started, in whatever session."""

    command: Command
    """What runs; ``{current}`` stands for the folder of the version that is in place."""
    stop_s: Annotated[int, Meta(ge=0, le=DAY_S)] = 10
    """How long it may take to end after SIGTERM."""


class Commands(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="command"):
    """Commands of the operator's start and stop the product; ``status`` exits 0 while it runs."""

    start: Command
    stop: Command
    status: Command
    timeout_s: Annotated[int, Meta(ge=1, le=DAY_S)] = 60
    """How long each of them may take."""


class Systemd(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="systemd"):
    """A unit of systemd runs the product from ``<root>/<product>/current``."""

    unit: Unit
    """Its name, such as ``nats.service``; it is installed, and enabled if it should run after a boot."""
    timeout_s: Annotated[int, Meta(ge=1, le=DAY_S)] | None = None
    """How long a start or a stop may take; as long as the unit's own limits allow, unless given."""


class Files(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="none"):
    """Files only: nothing is started or stopped."""


class ProductSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One product on this host."""

    name: Name
    channel: Name = "stable"
    mode: Literal["manage", "observe"] = "manage"
    """``observe`` decides and reports, and changes nothing."""
    service: Child | Commands | Systemd | Files = Files()
    config: list[str] = []
    """Files and folders that are backed up before a switch and restored on the way back."""
    health: list[Probe] = []
    """Asked in addition to what the release asks for."""
    pre_switch: Hook | None = None
    """Run after the release's own before what runs is stopped; exit 75 puts the switch off."""
    post_switch: Hook | None = None
    """Run after the release's own when the new version has been started, and again after a way back."""
    pin: str = ""
    """Versions that this host may run, such as ``>=2.11,<2.12``; any, unless given."""
    windows: list[str] = []
    """When updates may start, in host time, such as ``Mon-Fri 02:00-05:00``; always, unless given."""
    needs: dict[Name, str] = {}
    """Other products here that must run a range of versions before this one is updated."""
    platform: str = ""
    """What to install, where it is not what ``uname`` says."""
    deltas: bool = True
    """Keep the packed artifact of what runs, so that the next update can be a patch."""
    attestations: list[Literal["gpg"]] = []
    """Statements that an artifact must carry beside the repository's own signatures."""
    gpg_keyring: str = ""
    """Keys that are believed for ``gpg``: a file as ``gpg --export`` writes it."""

    def __post_init__(self) -> None:
        for text in self.windows:
            Window.parse(text)
        for span in filter(None, (self.pin, *self.needs.values())):
            versions.span(span)
        if relative := [path for path in self.config if not path.startswith("/")]:
            raise ValueError(f"config path {relative[0]!r} is not absolute")
        if self.attestations and not self.gpg_keyring.startswith("/"):
            raise ValueError("attestations need gpg_keyring, an absolute path")


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """How this host reaches its repository, where it is not simply there."""

    mirrors: list[str] = []
    """Where the same repository is, too: tried in order when its own address fails."""
    proxy: str = ""
    """Such as ``http://user:password@proxy.example.com:3128``; the environment's, unless given."""
    ca: str = ""
    """Certificates that are believed for ``https``, in one PEM file; the usual ones, unless given."""
    certificate: str = ""
    """This host's own certificate for ``https``, a PEM file."""
    key: str = ""
    """Its key, unless that stands in the same file."""
    headers: dict[str, str] = {}
    """What the repository and its mirrors want to see, such as the key of a private CDN."""
    most_bytes_per_s: Annotated[int, Meta(ge=16_384)] | None = None
    """How fast artifacts may come; as fast as they can, unless given."""

    patience_s: Annotated[int, Meta(ge=1, le=60)] = 60
    """How long a piece of metadata may take, and an artifact two hours for each minute of it.

    Silence for half of it, or less than a kilobyte a second, ends a transfer.
    """

    def __post_init__(self) -> None:
        for path in filter(None, (self.ca, self.certificate, self.key)):
            if not path.startswith("/"):
                raise ValueError(f"network path {path!r} is not absolute")
        if self.key and not self.certificate:
            raise ValueError("a network key needs its certificate")
        for url in self.mirrors:
            if not url.startswith(("http://", "https://", "file:///")):
                raise ValueError(f"not a repository URL: {url!r}")

    @property
    def is_secret(self) -> bool:
        """Whether it holds what others must not read."""
        return bool(self.headers) or "@" in self.proxy


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    state: Annotated[str, Meta(min_length=1)] = "/var/lib/tidegate"
    """Where the agent keeps what it knows: identity, journal, cache, downloads, backups.

    A relative path begins in the folder of this file, wherever a command is typed; so does that of ``root``.
    """
    root: Annotated[str, Meta(min_length=1)] = "/opt/tidegate"
    """Where products are installed."""
    status: str = ""
    """File for ``status --json`` after each tick, readable by its folder's group; none, unless given."""
    metrics: str = ""
    """File for OpenMetrics text after each tick, readable alike; none, unless given."""
    labels: dict[str, str] = {}
    """What reports of this host carry, such as ``{ site = "fra1" }``."""
    network: Network = Network()
    """The way to the repository."""
    product: list[ProductSettings] = []

    def __post_init__(self) -> None:
        for name, path in (("status", self.status), ("metrics", self.metrics)):
            if path and not path.startswith("/"):
                raise ValueError(f"{name} path {path!r} is not absolute")
        names = [entry.name for entry in self.product]
        if len(set(names)) != len(names):
            raise ValueError("a product stands twice")
        needs = {entry.name: list(entry.needs) for entry in self.product}
        for name in names:
            _refuse_circles([name], needs)

    @property
    def state_folder(self) -> Path:
        """Where the agent keeps what it knows."""
        return Path(self.state)

    @property
    def products_folder(self) -> Path:
        """Where products are installed."""
        return Path(self.root)

    @property
    def folders(self) -> tuple[Path, Path]:
        """What the agent writes into."""
        return self.state_folder, self.products_folder


def _refuse_circles(way: list[str], needs: dict[str, list[str]]) -> None:
    """Raise ValueError for products that could only wait for each other, or for one that is not there."""
    for name in needs[way[-1]]:
        if name not in needs:
            raise ValueError(f"{way[-1]} needs {name}, which is no product here")
        if name in way:
            raise ValueError(f"products need each other: {' → '.join([*way, name])}")
        _refuse_circles([*way, name], needs)


def load(path: Path) -> tuple[Settings, list[str]]:
    """Return the settings and the names of keys that nobody knows.

    Raises:
        UsageError: There is no such file.
        MalformedError: It cannot be read or understood.
    """
    try:
        raw = tomllib.loads(path.read_bytes().decode())
        settings = msgspec.convert(raw, Settings)
    except FileNotFoundError as error:
        raise UsageError(f"no settings at {path}", "name the file with --config FILE") from error
    except OSError as error:
        raise MalformedError(f"settings {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError, TidegateError) as error:
        hint = "mend the file; what runs on this host is left alone"
        raise MalformedError(f"settings {path} are malformed: {error}", hint) from error
    here = path.absolute().parent
    places = {"state": str(here / settings.state), "root": str(here / settings.root)}
    settings = msgspec.structs.replace(settings, **places)
    _refuse_own_folders(path, settings)
    return settings, sorted(unknown_fields(raw, settings))


def _refuse_own_folders(path: Path, settings: Settings) -> None:
    """Raise MalformedError where a way back would restore the agent's own folders, or the whole disk."""
    own = {"state": settings.state_folder.resolve(), "root": settings.products_folder.resolve()}
    for place in (place for product in settings.product for place in product.config):
        real = Path(os.path.realpath(place))  # which raises for no link that leads to itself
        hint = f"take {place} out of config: name only the product's own configuration, such as /etc/hello"
        if real == Path("/"):
            raise MalformedError(f"settings {path} are malformed: config names the whole disk: {place}", hint)
        for name, folder in own.items():
            if real.is_relative_to(folder) or folder.is_relative_to(real):
                text = f"config {place} and {name} {folder} lie in each other"
                raise MalformedError(f"settings {path} are malformed: {text}", hint)


def refuse_unknown(path: Path, unknown: list[str]) -> None:
    """Raise MalformedError when the settings name keys that nobody knows."""
    if unknown:
        raise MalformedError(
            f"settings {path} have unknown keys: {', '.join(unknown)}", "remove or correct them"
        )
