"""ROLLING_BACK: the old folder, the old configuration, the old version; then, whose fault it was."""

import contextlib

from agent import clock, hooks
from agent.backoff import forgotten, put_off
from agent.backup import Backup
from agent.blame import blame
from agent.guard import arming
from agent.health import Health
from agent.services import NoManagerError
from agent.states import Update, changed
from agent.steps.watching import SERVICE, entries_of, watch
from agent.trial import Trial
from agent.work import Result, Work
from metadata.errors import TidegateError, UnreachableError, UnsuitableError

START_ATTEMPTS = 3
DEFAULT_START_S = 120
SETTLE_S = 2
"""How long an old version must hold to count as well: it has shown before that it can run."""
STAY_S = 10
"""How long a version that failed and has to stay must hold to count as running: it has shown nothing yet."""


def rollback(work: Work, update: Update | None) -> Result:
    """Go back to the version before; without one, or without a way, make the best of it."""
    assert update is not None
    limit_s = START_ATTEMPTS * (work.service.patience_s + DEFAULT_START_S + 60)
    limit_s += hooks.patience_s(work, update)
    work.announce(limit_s, f"going back from {update.version}")
    with contextlib.suppress(OSError):  # a disk that takes no file may still let a link go back
        arming.arm(work, update, limit_s)
    if update.before and not work.slots.has(update.before):
        update = changed(update, no_way_back=f"{update.before} is gone")
    if update.before is None:
        result = _remove(work, update)
    elif update.no_way_back:
        result = _stay(work, update)
    else:
        result = _return(work, update, update.before)
    hooks.back(work, update)
    arming.disarm(work)
    return result


def _return(work: Work, update: Update, before: str) -> Result:
    old = work.old_release(before)
    health = work.health(old, before)
    never_left = work.slots.running() == before
    stopped, restored = _go_back(work, update)
    start_s = old.start_s if old else DEFAULT_START_S
    started, well = _comes_up(work, health, start_s, runs=never_left and not stopped)
    fault = blame(baseline_ok=update.baseline_ok, old_ok=well, host_failed=_host_failed(update))
    update = changed(update, blame=fault)
    _note_blame(work, update)
    outcome, reason = ("ok" if started else "failed"), str(update.blame)
    detail = "; ".join(part for part in (restored, update.detail) if part)
    return Result(started, update, work.event(update, "update_rollback", outcome, reason, detail))


def _go_back(work: Work, update: Update) -> tuple[bool, str]:
    """Return whether what runs could be stopped, and what became of the configuration."""
    stopped = _stop(work)
    if update.before is not None:
        work.slots.switch_back(update.before, update.previous)
    restored = Backup(work.backup_folder(update)).restore()
    work.journal.remember({f"unrestored/{work.name}": restored.failed or None})
    return stopped, restored.text()


def _comes_up(
    work: Work, health: Health, start_s: float, hold_s: float = SETTLE_S, *, runs: bool = False
) -> tuple[bool, bool]:
    """Return whether a version runs, and whether it is well; one that could not be stopped may run.

    After the last attempt it is left started: only what is asked about it may be wrong.
    """
    for attempt in range(START_ATTEMPTS):
        if not (runs and attempt == 0) and not _start(work):
            continue
        stays, well = _settles(work, health, start_s, hold_s)
        if stays:
            return True, well
        if attempt + 1 < START_ATTEMPTS:
            _stop(work)
    return False, False


def _settles(work: Work, health: Health, start_s: float, hold_s: float) -> tuple[bool, bool]:
    """Return whether what was started stays, and whether it is well."""
    trial = Trial.of(entries_of(work.service, health), start_s, hold_s)
    verdict = watch(work.service, health, trial, clock.awake_s(), lambda _: "")
    return verdict == "won" or trial.began.get(SERVICE, 0.0) is not None, verdict == "won"


def _host_failed(update: Update) -> bool:
    """Whether it failed for the host's own sake, or the network's, which says nothing about the version."""
    return update.failure in {UnsuitableError.name(), UnreachableError.name()}


def _note_blame(work: Work, update: Update) -> None:
    if update.blame == "environment":
        put_off(work, update.version, "failed here with the version before it")
    else:
        work.journal.give_up(work.name, update)
        work.journal.remember(forgotten(work, update.version))


def _remove(work: Work, update: Update) -> Result:
    """Take a first install away again: a product that does not run is not one."""
    _stop(work)
    work.slots.leave()
    fault = blame(baseline_ok=None, old_ok=None, host_failed=_host_failed(update))
    update = changed(update, blame=fault)
    _note_blame(work, update)
    event = work.event(update, "update_rollback", "failed", "first_install", update.detail)
    return Result(False, update, event)


def _stay(work: Work, update: Update) -> Result:
    """Keep the version that failed where going back would bring back worse; try again later."""
    if update.version != work.slots.running():
        work.slots.switch(update.version)
    alone, start_s = Health((), work.slots.slot(update.version)), update.release.start_s
    running = work.service.status().running and _settles(work, alone, start_s, STAY_S)[0]
    running = running or _comes_up(work, alone, start_s, STAY_S)[0]
    update = changed(update, blame="environment")
    put_off(work, update.version, f"failed here, and there was no way back: {update.no_way_back}", stays=True)
    detail = f"{update.detail}; no way back: {update.no_way_back}"
    return Result(running, update, work.event(update, "update_rollback", "failed", "no_way_back", detail))


def _stop(work: Work) -> bool:
    try:
        work.service.stop()
    except NoManagerError:
        raise
    except TidegateError as error:
        work.journal.add(work.event(None, "update_rollback", "deferred", error.name(), error.message))
        return False
    return True


def _start(work: Work) -> bool:
    try:
        work.service.start()
    except NoManagerError:
        raise
    except TidegateError as error:
        work.journal.add(work.event(None, "update_rollback", "deferred", error.name(), error.message))
        return False
    return True
