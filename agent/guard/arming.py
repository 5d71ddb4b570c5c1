"""The tick's side of the dead-man: arm it before a switch, put it off, disarm it when the trial is over."""

import msgspec

from agent import updater
from agent.guard import watch as watching
from agent.guard.duty import tell_timer
from agent.guard.watch import Watch
from agent.journal import Event
from agent.processes import boot_id
from agent.states import State, Update
from agent.work import READ_S, Work
from metadata.errors import UnsuitableError

MARGIN_S = 300
"""What a trial may take beyond its own limits, for slow probes."""


def arm(work: Work, update: Update, most_s: float) -> None:
    """Let the guard take this update back unless somebody disarms it within ``most_s`` seconds awake.

    Armed again it begins anew, with what is known by now. A slow repository, which is asked during a trial,
    must never end one: what a reading may take comes on top.
    """
    watch = Watch(
        product=work.name,
        folder=str(work.slots.folder.absolute()),
        version=update.version,
        before=update.before,
        previous=update.previous,
        stay=update.no_way_back,
        backup=str(work.backup_folder(update).absolute()),
        by_hand=msgspec.to_builtins(work.service.by_hand()),
        budget_s=most_s + READ_S + MARGIN_S,
    )
    if work.name == updater.PRODUCT and update.before and work.slots.settled() is None:
        updater.settle(work.settings.products_folder, update.before)
    state = work.settings.state_folder
    watching.keep(state, watch.begun(_boots(_read(work), update.version)))
    tell_timer("start")


def _boots(known: Watch | None, version: str) -> int:
    """Return how many boots the trial has outlived."""
    if known is None or known.version != version:
        return 0
    return known.boots + (known.boot != boot_id())


def note_stay(work: Work, reason: str) -> None:
    """Forbid the guard the way back, or allow it again, as the repository says during a trial."""
    watch = _read(work)
    if watch is not None and watch.stay != reason:
        watching.keep(work.settings.state_folder, watch._replace(stay=reason))


def disarm(work: Work) -> None:
    """Let the guard rest: what is decided is not taken back."""
    state = work.settings.state_folder
    watching.drop(state, work.name)
    if not list(watching.every(state)):
        tell_timer("stop")


def taken_back(work: Work) -> str:
    """Return what the guard did, if it took the update on its way back; or an empty text."""
    watch = _read(work)
    return f"nobody kept it in time; the guard {watch.done}" if watch and watch.done else ""


def note_hindrance(work: Work) -> None:
    """Note that the host itself keeps this tick from going on with what is armed."""
    watching.note_hindrance(work.settings.state_folder, work.name)


def late(work: Work) -> str:
    """Return the reason for which a trial is lost that nobody kept in time: the version's, or the host's."""
    watch = _read(work)
    return UnsuitableError.name() if watch is not None and watch.hindered else "deadline"


def own_up(work: Work) -> None:
    """Note what the guard did to an update that the journal knows nothing of, as after its loss."""
    state, _ = work.journal.state(work.name)
    if state in {State.IDLE, State.STRANDED} and (text := taken_back(work)):
        event: Event = work.event(None, "update_rollback", "ok", "deadline", text)
        work.journal.add(event)
        watching.drop(work.settings.state_folder, work.name)


def _read(work: Work) -> Watch | None:
    try:
        return watching.read(watching.place(work.settings.state_folder, work.name))
    except ValueError:  # damaged: it is written anew with the next switch
        return None
