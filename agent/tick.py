"""One tick: take the lock, run each product's machine, say when to come back."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from agent import clock, control, identity, locking, machine, mirrors, soak, updater
from agent.fetch import Fetcher
from agent.guard import arming
from agent.journal import Event, Journal, timestamp
from agent.reports.flush import flush
from agent.reports.outbox import introduce
from agent.repository import Repository
from agent.settings import ProductSettings, Settings
from agent.states import State
from agent.together import in_order
from agent.work import Work
from metadata.errors import TidegateError, UnsuitableError, UsageError

POLL_BOUNDS_S = (1, 86_400)
"""Agents clamp the policy's ``poll_s`` to this."""
SOON_S = 1.0


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


def tick(host: Host, product: str | None = None) -> list[TidegateError]:
    """Run every product's machine; one that fails does not keep the others from their turn."""
    with contextlib.suppress(TidegateError):  # a full disk keeps no product from its turn
        introduce(host.journal, host.identity, host.next_number)
    if host.identity.left_at:
        return _stay_away(host)
    errors = []
    for work in host.works(product):
        try:
            arming.own_up(work)
            machine.run(work)
            soak.look_again(work)
            host.journal.remember({f"trouble/{work.name}": None})
        except TidegateError as error:
            errors.append(error)
            _note_trouble(host.journal, work.name, error)
            _note_place(host, error)
    if not host.settings.product:
        host.read()
    flush(host.settings, host.journal, host.identity)
    _say_next(host)
    return errors


def _stay_away(host: Host) -> list[TidegateError]:
    """Keep running what ran when the host left, and say what it still has to say."""
    errors: list[TidegateError] = []
    for work in host.works():
        try:
            work.keep_running()
        except TidegateError as error:
            errors.append(error)
    flush(host.settings, host.journal, host.identity)
    _say_next(host)
    return errors


def _note_trouble(journal: Journal, product: str, error: TidegateError) -> None:
    """Keep what keeps the product from its turn, and since when, for whoever asks for its status."""
    key = f"trouble/{product}"
    before = journal.recall(key) or {}
    new = before.get("error") != error.name()
    since = timestamp() if new else before["at"]
    with contextlib.suppress(TidegateError):  # a journal that cannot be written is the trouble itself
        if new:
            journal.add(
                Event(
                    product=product,
                    stage="refusal",
                    outcome="failed",
                    reason=error.name(),
                    detail=error.message,
                )
            )
        journal.remember({key: {"at": since, "error": error.name(), "text": error.message}})


def _note_place(host: Host, error: TidegateError) -> None:
    """Ask another mirror first next time, where what went wrong may be the fault of this one."""
    if host.settings.network.mirrors and host.asked and isinstance(error, mirrors.FAULTS):
        with contextlib.suppress(TidegateError):
            mirrors.note(host.journal, host.asked, failed=True)


def _say_next(host: Host) -> None:
    """Tell the supervisor when to tick again: at the next poll, or when a decision said."""
    low, high = POLL_BOUNDS_S
    pause = float(min(max(host.journal.recall("poll_s", 900), low), high))
    for entry in host.settings.product:
        decision = host.journal.recall(f"decision/{entry.name}") or {}
        if until := decision.get("until"):
            left = (datetime.fromisoformat(until) - clock.now()).total_seconds()
            pause = min(pause, max(left, SOON_S))
        if host.journal.state(entry.name)[0] not in {State.IDLE, State.STRANDED}:
            pause = SOON_S
    with contextlib.suppress(control.NoSupervisorError):
        control.ask(host.settings.state_folder, {"op": "next", "seconds": pause})
