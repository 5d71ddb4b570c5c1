"""SWITCHING: arm the dead-man, stop, switch, start. Done again from the top when it was interrupted."""

from agent import clock, files, hooks
from agent.guard import arming
from agent.services import NoManagerError
from agent.states import State, Update, changed
from agent.work import Result, Work
from metadata.errors import TidegateError, UnsuitableError

MAX_ATTEMPTS = 3
"""How often an interrupted switch is taken up again before it goes back."""
SPARE_S = 60
"""What a switch may take beyond the service's own limits: a rename, and a busy host."""


def install(work: Work, update: Update | None) -> Result:
    """Switch to the new version; whatever goes wrong from here on leads back."""
    assert update is not None
    update = changed(update, switch_attempts=update.switch_attempts + 1)
    if update.switch_attempts > MAX_ATTEMPTS:
        return failed(work, update, "interrupted", f"the switch was interrupted {MAX_ATTEMPTS} times")
    if told := arming.taken_back(work):
        return failed(work, update, arming.late(work), told)
    if not work.slots.has(update.version):  # a journal from a copy may know what was pruned since
        return failed(work, update, UnsuitableError.name(), f"{update.version} is gone")
    # From here on the journal says that a trial is open, and since when. Should this process die, the next
    # tick finishes it or goes back; should there be none, the guard goes back.
    armed = changed(update, trial_boot=clock.boot_id(), trial_from_s=clock.awake_s())
    work.journal.enter(work.name, State.SWITCHING, armed, [])
    limit_s = work.service.patience_s + hooks.patience_s(work, update) + SPARE_S
    work.announce(limit_s, f"switching to {update.version}")
    try:
        arming.arm(work, armed, limit_s + update.release.start_s + update.release.trial_s)
        _clear(work)
        work.slots.switch(update.version)
        work.service.start()
        hooks.after(work, update)
    except NoManagerError:
        raise  # speaks neither for nor against the version: a later tick takes it up again
    except (TidegateError, OSError) as error:
        return _back(work, armed, error)
    begun = changed(armed, trial_boot=clock.boot_id(), trial_from_s=clock.awake_s())
    why = {"update": "", "recall": "recalled", "rollback": "by hand"}[update.action]
    return Result(True, begun, work.event(begun, "update_install", "ok", detail=why))


def _clear(work: Work) -> None:
    """Stop what runs, also what no link names any more: its answers would win the trial of the new one."""
    if work.slots.running() is not None or work.service.status().running:
        work.service.stop()


def _back(work: Work, update: Update, error: TidegateError | OSError) -> Result:
    """Return the way back; what failed before the new version was in place cannot be its fault."""
    if isinstance(error, OSError):
        return failed(work, update, UnsuitableError.name(), files.told(error))
    in_place = work.slots.running() == update.version
    return failed(work, update, error.name() if in_place else UnsuitableError.name(), error.message)


def failed(work: Work, update: Update, reason: str, detail: str) -> Result:
    """Return the way back, with its reason."""
    event = work.event(update, "update_install", "failed", reason, detail)
    return Result(False, changed(update, failure=reason, detail=detail), event)
