"""What can be done from the console, each as the command line that does the same. Pure."""

import shlex
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct, field

from repo_tools.output import visible

_VISIBLE = r"^[^\x00-\x1f\x7f]*$"
Text = Annotated[str, Meta(max_length=2_000, pattern=_VISIBLE)]
Word = Annotated[str, Meta(min_length=1, max_length=256, pattern=_VISIBLE)]
Secret = Annotated[str, Meta(max_length=1_024, pattern=_VISIBLE)]
"""What opens keys: no more than a pipe holds before anybody reads it."""
MOST_HOSTS = 2_000


class Action(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that a person wants done."""

    command: ClassVar[tuple[str, ...]] = ()
    beside: ClassVar[bool] = False
    """Whether it goes on beside others: it takes the workspace for its last step alone."""

    def words(self) -> list[str]:
        """Return the command line, without the program and its workspace."""
        return [*self.command, *self._options(), *_plain(self._arguments())]

    def _options(self) -> list[str]:
        return []

    def _arguments(self) -> list[str]:
        return []


class Tried(Action, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be tried before it is done."""

    dry_run: bool = False
    """Say what would be done, and do nothing."""

    def words(self) -> list[str]:
        """Return the command line, without the program and its workspace."""
        dry = ["--dry-run"] if self.dry_run else []
        return [*self.command, *self._options(), *dry, *_plain(self._arguments())]


class Reasoned(Tried, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done to a channel, with a reason that is signed."""

    channel: Word
    reason: Text = ""

    def _options(self) -> list[str]:
        return _said(reason=self.reason)

    def _arguments(self) -> list[str]:
        return [self.channel]


class Start(Reasoned, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Order a release to the first wave, or to more by its strategy."""

    command = ("rollout", "start")
    version: Word
    strategy: Literal["manual", "gated", "scheduled", "immediate"] = "gated"
    preset: Word | None = None
    urgent: bool = False
    retry: Annotated[int, Meta(ge=0)] = 0

    def words(self) -> list[str]:
        """Return the command line; trying it is ``rollout plan``, which tells of hosts, too."""
        tried = ["rollout", "plan", *self._options(), *_plain(self._arguments())]
        return tried if self.dry_run else super().words()

    def _options(self) -> list[str]:
        said = _said(strategy=self.strategy, preset=self.preset, retry=self.retry or None)
        return [*said, *(["--urgent"] if self.urgent else []), *super()._options()]

    def _arguments(self) -> list[str]:
        return [self.channel, self.version]


class Promote(Reasoned, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Widen the newest rollout to its next wave, or complete it."""

    command = ("rollout", "promote")
    early: bool = False

    def _options(self) -> list[str]:
        return [*(["--early"] if self.early else []), *super()._options()]


class Pause(Reasoned, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold waves of the newest rollout; all of them without a name."""

    command = ("rollout", "pause")
    waves: list[Word] = []

    def _options(self) -> list[str]:
        return [*(f"--wave={wave}" for wave in self.waves), *super()._options()]


class Resume(Pause, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let waves of the newest rollout go on."""

    command = ("rollout", "resume")


class Brake(Reasoned, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stop a rollout, a version, or everything that is ordered."""

    command = ("brake",)
    rollout: Word | None = None
    version: Word | None = None

    def _options(self) -> list[str]:
        return [*_said(rollout=self.rollout, version=self.version), *super()._options()]


class Lift(Reasoned, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lift the brake."""

    command = ("brake", "--release")


class Hosts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which hosts are meant: by id, or by what was collected of them."""

    ids: Annotated[list[Word], Meta(max_length=MOST_HOSTS)] = []
    search: Word | None = None
    """A part of their ids."""
    labels: dict[Word, Text] = {}
    running: Word | None = None
    """A range of versions."""
    failing: Word | None = None
    """A rule, or the name of an error."""

    def options(self) -> list[str]:
        """Return them as options."""
        ids = [f"--id={one}" for one in self.ids]
        labels = [f"--label={name}={value}" for name, value in self.labels.items()]
        return [*ids, *labels, *_said(search=self.search, running=self.running, failing=self.failing)]


class Recall(Reasoned, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send hosts that run a recalled version back: all, those of some waves, or single ones."""

    command = ("rollout", "recall")
    version: Word
    recalled: Word
    """A range with an upper bound."""
    until: Word | None = None
    waves: list[Word] = []
    hosts: Hosts = field(default_factory=Hosts)

    def _options(self) -> list[str]:
        scope = [*(f"--wave={wave}" for wave in self.waves), *self.hosts.options()]
        return [f"--from={self.recalled}", *_said(until=self.until), *scope, *super()._options()]

    def _arguments(self) -> list[str]:
        return [self.channel, self.version]


class Ask(Tried, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one host is to run."""

    command = ("agents", "select")
    channel: Word | None = None
    """Needed when there is more than one."""
    version: Word | None = None
    """The newest release that is published, if it is not said."""
    reason: Text = ""
    urgent: bool = False
    retry: Annotated[int, Meta(ge=0)] = 0
    """Above 0: try again where it failed before."""

    def _options(self) -> list[str]:
        said = _said(retry=self.retry or None, reason=self.reason)
        return [*(["--urgent"] if self.urgent else []), *said]

    def _arguments(self) -> list[str]:
        return [one for one in (self.channel, self.version) if one]


class Update(Ask, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Order a release to single hosts, before or beside every wave."""

    hosts: Hosts

    def _options(self) -> list[str]:
        return [*self.hosts.options(), *super()._options()]


class AddRelease(Action, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Add a release from a folder, an archive or a file on this machine."""

    command = ("release", "add")
    beside = True
    version: Word
    path: Word
    platform: Word
    product: Word | None = None
    kind: Literal["tree", "file"] | None = None
    name: Word | None = None
    probe: Text | None = None
    expect: Word | None = None
    health: list[Word] = []
    notes: Word | None = None

    def _options(self) -> list[str]:
        named = _said(platform=self.platform, product=self.product, kind=self.kind, name=self.name)
        asked = _said(probe=self.probe, expect=self.expect, notes=self.notes)
        return [*named, *asked, *(f"--health={one}" for one in self.health)]

    def _arguments(self) -> list[str]:
        return [self.version, self.path]


class Sign(Action, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sign what is staged, with every key at hand; the words of it were read before."""

    command = ("sign", "--yes")
    roles: list[Word] = []
    keys: list[Word] = []
    if_staged: Word | None = None
    """The digest of what was read."""

    def _options(self) -> list[str]:
        named = [*(f"--role={one}" for one in self.roles), *(f"--key={one}" for one in self.keys)]
        return [*named, *_as_read(self.if_staged)]


class Publish(Tried, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Publish what is staged and signed."""

    command = ("publish",)
    roles: list[Word] = []
    if_staged: Word | None = None
    """The digest of what was read."""

    def _options(self) -> list[str]:
        return [*(f"--role={one}" for one in self.roles), *_as_read(self.if_staged)]


class Unstage(Tried, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take staged changes back; all of them without a name."""

    command = ("unstage",)
    roles: list[Word] = []
    if_staged: Word | None = None
    """The digest of what was read."""

    def _options(self) -> list[str]:
        return [*([] if self.roles else ["--all"]), *_as_read(self.if_staged)]

    def _arguments(self) -> list[str]:
        return list(self.roles)


def listing(channel: str, which: Hosts) -> list[str]:
    """Return the command line that lists hosts, whether or not they are still there."""
    return ["agents", "list", *which.options(), "--presence=any", *_plain([channel])]


def shown(words: Sequence[str]) -> str:
    """Return a command line as a person would type it."""
    return visible(shlex.join(["tidegate", *words]))


def _said(**options: object) -> list[str]:
    """Return the options that were given; ``--name=value``, so that no value can be taken for an option."""
    return [f"--{name}={value}" for name, value in options.items() if value not in {None, ""}]


def _as_read(digest: str | None) -> list[str]:
    """Return the option that lets nothing happen to what nobody read."""
    return _said(**{"if-staged": digest})


def _plain(arguments: list[str]) -> list[str]:
    """Return arguments behind the mark that ends options, where one could be taken for an option."""
    return ["--", *arguments] if any(one.startswith("-") for one in arguments) else arguments
