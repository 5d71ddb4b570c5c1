"""One tick on an open host: run each product's machine, say when to come back."""

import contextlib
from datetime import datetime

from agent import clock, control, machine, mirrors, soak
from agent.guard import arming
from agent.host import Host
from agent.journal import Event, Journal, timestamp
from agent.reports.flush import flush
from agent.reports.outbox import introduce
from agent.states import State
from metadata.errors import TidegateError

POLL_BOUNDS_S = (1, 86_400)
"""Agents clamp the policy's ``poll_s`` to this."""
SOON_S = 1.0


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
