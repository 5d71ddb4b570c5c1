"""A workspace with everything on it: settings, store, what is live, what is staged."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from metadata.errors import UsageError
from repo_tools.contents import Contents
from repo_tools.keys.folder import KeyFolder
from repo_tools.keys.passphrase import Passphrases
from repo_tools.recovery import honest
from repo_tools.roles import Channel, releases
from repo_tools.signed.live import Live
from repo_tools.signed.tree import Tree
from repo_tools.store import FullStore, Memory, Store, open_store
from repo_tools.workspace import Workspace


@dataclass
class Desk:
    """What a command works with; each part is read when it is first needed, and once."""

    workspace: Workspace
    keys: KeyFolder
    passphrases: Passphrases
    now: datetime
    only: frozenset[str] | None = None
    """Staged roles that are looked at, as if no other were staged; None: all of them."""

    @cached_property
    def store(self) -> Store:
        """Where the repository is published."""
        return self.first

    @cached_property
    def first(self) -> FullStore:
        """The same, for what lists and copies whole stores."""
        return self._open(self.workspace.settings.store)

    @cached_property
    def mirrors(self) -> list[FullStore]:
        """Stores that are kept the same as the first."""
        return [self._open(location) for location in self.workspace.settings.mirrors]

    def _open(self, location: str) -> FullStore:
        memory = Memory(self.workspace.folder / ".cache")
        return open_store(location, self.workspace.folder, self.workspace.settings.s3, memory)

    @cached_property
    def live(self) -> Live:
        """What is published."""
        return self._live(honest.read(self.workspace))

    @cached_property
    def tree(self) -> Tree:
        """What will be published."""
        return Tree(self.live, self.workspace.staged_metadata, self.now, self.only)

    @cached_property
    def contents(self) -> Contents:
        """The files that the tree lists."""
        return Contents(self.workspace.staged_targets, self.store)

    def start_from(self, timestamp: int | None) -> None:
        """Read what is published from an older timestamp on; None: from the published one."""
        self.reread()
        self.live = self._live(timestamp)

    def _live(self, timestamp: int | None) -> Live:
        return Live(self.store, self.workspace.root_bytes(), timestamp, self.workspace.staged_root())

    def reread(self) -> None:
        """Forget what was read of the store and of what is staged."""
        for part in ("live", "tree"):
            self.__dict__.pop(part, None)

    def products(self) -> list[str]:
        """Return the products of this repository, in the order in which clients search."""
        tail = releases("")
        roles = self.tree.view("targets").delegations
        return [role.removesuffix(tail) for role in roles if role.endswith(tail)]

    def channels(self) -> list[Channel]:
        """Return the channels of this repository, in the order in which clients search."""
        roles = [name for name in self.tree.view("targets").delegations if name.count(".") == 1]
        pairs = [name.split(".") for name in roles if not name.endswith(".releases")]
        return [Channel(product, name) for product, name in pairs]

    def channel(self, text: str) -> Channel:
        """Return the channel that ``product/channel`` or just ``channel`` means.

        Raises:
            UsageError: There is none, or more than one.
        """
        return _one(self.channels(), text)

    def channels_of(self, products: Collection[str], names: Collection[str]) -> list[Channel]:
        """Return the channels that names mean among some products'; all of them without a name.

        Args:
            products: Of these products; without any, of every product that a name says, or of the only one.
            names: ``product/channel`` or just ``channel``.

        Raises:
            UsageError: There is no such product or channel, or a name means more than one.
        """
        if names and not products:
            return [self.channel(name) for name in names]
        wanted = {self.product(name) for name in products} or {self.product(None)}
        every = [channel for channel in self.channels() if channel.product in wanted]
        return [_one(every, name) for name in names] if names else every

    def only_channel(self) -> Channel:
        """Return the channel of a repository that has one.

        Raises:
            UsageError: It has more.
        """
        channels = self.channels()
        if len(channels) == 1:
            return channels[0]
        raise UsageError("there is more than one channel", f"name one of: {', '.join(map(str, channels))}")

    def published(self) -> "Desk":
        """Return the same desk with nothing staged on it: what agents see."""
        return self.alone(())

    def alone(self, roles: Collection[str]) -> "Desk":
        """Return the same desk with only some of the staged roles on it."""
        return self._again(frozenset(roles))

    def whole(self) -> "Desk":
        """Return the same desk with everything on it that is staged, read again."""
        return self._again(None)

    def _again(self, only: frozenset[str] | None) -> "Desk":
        other = Desk(self.workspace, self.keys, self.passphrases, self.now, only)
        other.store, other.live = self.store, self.live
        return other

    def product(self, name: str | None) -> str:
        """Return a product of this repository; without a name, the only one.

        Raises:
            UsageError: There is none, or more than one.
        """
        products = self.products()
        if name is None and len(products) == 1:
            return products[0]
        if name in products:
            return str(name)
        what = f"no product {name!r}" if name else "there is more than one product"
        raise UsageError(what, f"--product, one of: {', '.join(products)}")


def _one(channels: Sequence[Channel], text: str) -> Channel:
    found = [channel for channel in channels if text in {str(channel), channel.name}]
    if len(found) == 1:
        return found[0]
    names = ", ".join(map(str, found or channels))
    raise UsageError(f"{'more than one' if found else 'no'} channel {text!r}", f"one of: {names}")
