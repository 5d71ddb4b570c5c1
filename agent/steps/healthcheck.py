"""ON_TRIAL: watch until the trial is won or lost. A network that fails never fails a trial."""

from agent import clock, proof, updater
from agent.backup import Backup
from agent.guard import arming
from agent.guard.arming import MARGIN_S
from agent.reports.flush import flush_aside
from agent.states import State, Update, changed
from agent.steps.watching import entries_of, watch
from agent.trial import Trial, Verdict
from agent.withdrawal import Withdrawal
from agent.work import Result, Work
from metadata.errors import ConflictError

MAX_TRIALS = 3
"""How often a trial that a reboot or a dead tick cut short begins anew."""
TOLD_S = 5
"""A trial that lasts longer is told when it begins: a host that dies in it has said what it was doing."""
LATE_S = 30
"""How late after its deadline a trial may still be taken up: what a tick needs to get this far."""


def healthcheck(work: Work, update: Update | None) -> Result:
    """Judge the new version by what can be observed of it."""
    assert update is not None
    if told := arming.taken_back(work):
        return _lost(work, update, arming.late(work), told)
    if work.name == updater.PRODUCT and updater.own_version(work.settings.products_folder) == update.version:
        arming.arm(work, update, _span_s(update))  # so that the next tick is the settled version's
        raise ConflictError("a new updater does not judge itself", "the next tick is the settled version's")
    if _overdue(update):
        return _lost(work, update, arming.late(work), "nobody kept it in time")
    update = _begun(update)
    if update.trials > MAX_TRIALS:
        return _lost(work, update, "interrupted", f"the trial was cut short {MAX_TRIALS} times")
    arming.arm(work, update, _span_s(update))
    work.journal.enter(work.name, State.ON_TRIAL, update, [])
    _announce(work, update)
    if update.release.trial_s >= TOLD_S:
        flush_aside(work.settings, work.identity)
    withdrawal = Withdrawal(work, update)
    trial, verdict = _watched(work, update, withdrawal)
    if verdict == "lost":
        update = changed(update, no_way_back=withdrawal.no_way_back)
        reason = "withdrawn" if withdrawal.reason else "restarts" if trial.restarts else "unhealthy"
        return _lost(work, update, reason, trial.last_failure)
    if work.name == updater.PRODUCT and (gap := proof.missing(work, update)):
        return _lost(work, update, gap.reason, gap.text)
    arming.disarm(work)  # before the journal has it: what was kept is never taken back
    return Result(True, update, work.event(update, "update_healthcheck", "ok"))


def _watched(work: Work, update: Update, withdrawal: Withdrawal) -> tuple[Trial, Verdict]:
    """Watch until the verdict."""
    release = update.release
    health = work.health(release, update.version)
    trial = Trial.of(entries_of(work.service, health), release.start_s, release.trial_s)
    backup = Backup(work.backup_folder(update))

    def between(trial: Trial) -> str:
        _announce(work, update)
        if not trial.holds:
            return ""  # waiting for a slow repository must not cost a version the time it may take to start
        backup.note_start()  # what changes from here on was changed by somebody else
        reason = withdrawal.ask()
        arming.note_stay(work, withdrawal.no_way_back)
        return reason

    return trial, watch(work.service, health, trial, update.trial_from_s, between)


def _announce(work: Work, update: Update) -> None:
    """Say before the first look that the trial is on: a short one may be won by it."""
    work.announce(_span_s(update) + MARGIN_S, f"{update.version} is on trial")


def _span_s(update: Update) -> float:
    """Return what the trial itself may take."""
    return update.release.start_s + update.release.trial_s


def _overdue(update: Update) -> bool:
    """Whether the time in which somebody had to keep the version is over; another boot counts its own."""
    late_s = clock.awake_s() - update.trial_from_s - _span_s(update)
    return update.trial_boot == clock.boot_id() and late_s > LATE_S


def _begun(update: Update) -> Update:
    """Return the trial as it begins, for the first time or anew: nobody watched in between."""
    boot, now_s = clock.boot_id(), clock.awake_s()
    return changed(update, trial_boot=boot, trial_from_s=now_s, trials=update.trials + 1)


def _lost(work: Work, update: Update, reason: str, detail: str) -> Result:
    event = work.event(update, "update_healthcheck", "failed", reason, detail)
    return Result(False, changed(update, failure=reason, detail=detail), event)
