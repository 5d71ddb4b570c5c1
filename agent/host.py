"""A host that is open for one command: its settings, identity and journal, with the lock held."""

import contextlib
from collections.abc import Iterator, Sequence

import msgspec

from agent import identity, locking, mirrors, updater
from agent.fetch import Fetcher
from agent.journal import Journal
from agent.repository import Repository
from agent.settings import ProductSettings, Settings
from agent.together import in_order
from agent.work import Work
from metadata.errors import UnsuitableError, UsageError


class Host(msgspec.Struct):
    """An open host: settings, identity, journal; the lock is held."""

    settings: Settings
    journal: Journal
    identity: identity.Identity
    root: bytes
    hurried: bool = False
    """A person wants the update now, before the host's turn."""
    asked: str = ""
    """The place that gave the repository last."""

    @property
    def places(self) -> list[str]:
        """Where the repository is: its own address, and the mirrors of the settings."""
        return [self.identity.url, *self.settings.network.mirrors]

    def read(self) -> Repository:
        """Return a fresh trusted view of the repository.

        Raises:
            UnsuitableError: The host has left it.
        """
        repository = mirrors.read_first(self.journal, self.places, self.read_at)
        self.asked = repository.url
        updater.note_refresh(self.settings.state_folder)
        return repository

    def read_at(self, places: Sequence[str]) -> Repository:
        """Return the repository as the first of some places gives it.

        Raises:
            UnsuitableError: The host has left it.
        """
        if left := self.identity.left_at:
            raise UnsuitableError(f"this host left {self.identity.url} at {left}", identity.ENROLL_HINT)
        state, network = self.settings.state_folder, self.settings.network
        return Repository(state / "tuf", places, self.root, Fetcher(network))

    @property
    def next_number(self) -> int:
        """The number of the next report, for a journal that has not counted."""
        return identity.next_number(self.settings.state_folder, self.identity.agent)

    def work(self, product: ProductSettings) -> Work:
        """Return what one product's steps share."""
        work = Work(self.settings, product, self.journal, self.identity, self.read)
        work.hurried = self.hurried
        return work

    def works(self, name: str | None = None) -> list[Work]:
        """Return every product in the order of their turns, or the one that is named.

        Raises:
            UsageError: There is none of that name.
        """
        products = {entry.name: entry for entry in self.settings.product}
        states = {one: self.journal.standing(one) for one in products}
        turns = in_order(self.settings.product, states)
        found = [self.work(products[one]) for one in turns if name in {None, one}]
        if name is not None and not found:
            raise UsageError(f"no product {name} in the settings")
        return found


@contextlib.contextmanager
def opened(settings: Settings, *, hurried: bool = False) -> Iterator[Host]:
    """Open the host for one command at a time.

    Args:
        settings: Of this host.
        hurried: A person wants the update now, before the host's turn.

    Raises:
        ConflictError: Another tick is at work.
        UnsuitableError: The host is not enrolled, or its state folder cannot be used.
    """
    state = settings.state_folder
    with locking.locked(state):
        who, root = identity.load(state)
        journal = Journal(state / "journal.db")
        try:
            yield Host(settings, journal, who, root, hurried)
        finally:
            journal.close()
