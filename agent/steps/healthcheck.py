"""ON_TRIAL: watch until the trial is won or lost. A network that fails never fails a trial."""

from agent import clock
from agent.backup import Backup
from agent.states import State, Update, changed
from agent.steps.watching import entries_of, watch
from agent.trial import Trial
from agent.work import Result, Work, withdrawn
from metadata.errors import TidegateError
from metadata.versions import within

MAX_TRIALS = 3
"""How often a trial that a reboot cut short begins anew."""
MARGIN_S = 300
"""What a trial may take beyond its own limits, for slow probes and a slow repository."""
MOST_QUIET_S = 300
"""How long a recall may wait for a trial to hear of it, at most."""


def healthcheck(work: Work, update: Update | None) -> Result:
    """Judge the new version by what can be observed of it."""
    assert update is not None
    update = _resumed(update)
    if update.trials > MAX_TRIALS:
        return _lost(work, update, "interrupted", f"the trial was cut short {MAX_TRIALS} times")
    work.journal.enter(work.name, State.ON_TRIAL, update, [])
    release = update.release
    work.announce(release.start_s + release.trial_s + MARGIN_S, f"{update.version} is on trial")
    health = work.health(release, update.version)
    trial = Trial.of(entries_of(health), release.start_s, release.trial_s)
    withdrawal = Withdrawal(work, update)
    backup = Backup(work.backup_folder(update))

    def between(trial: Trial) -> str:
        if trial.holds:
            backup.note_start()  # what changes from here on was changed by somebody else
        return withdrawal.reason()

    verdict = watch(work.service, health, trial, update.trial_from_s, between)
    if verdict == "lost":
        reason = "withdrawn" if withdrawal.found else "restarts" if trial.restarts else "unhealthy"
        return _lost(work, update, reason, trial.last_failure)
    return Result(True, update, work.event(update, "update_healthcheck", "ok"))


def _resumed(update: Update) -> Update:
    """Return the trial as it goes on: the same while the host was awake, anew after a reboot."""
    if update.trial_boot == clock.boot_id():
        return update
    return changed(update, trial_boot=clock.boot_id(), trial_from_s=clock.awake_s(), trials=update.trials + 1)


def _lost(work: Work, update: Update, reason: str, detail: str) -> Result:
    event = work.event(update, "update_healthcheck", "failed", reason, detail)
    return Result(False, changed(update, failure=reason, detail=detail), event)


class Withdrawal:
    """Asks now and then whether the version on trial was recalled or revoked meanwhile."""

    def __init__(self, work: Work, update: Update) -> None:
        self._work = work
        self._update = update
        self._every_s = min(int(work.journal.recall("poll_s", 900)), MOST_QUIET_S)
        self._asked_s = clock.awake_s()
        self.found = ""

    def reason(self) -> str:
        """Return why the trial must end, or an empty text; asks the repository at its own pace."""
        if clock.awake_s() - self._asked_s >= max(1, self._every_s):
            try:
                self.found = self._ask()
            except (TidegateError, OSError):
                self.found = ""  # no answer is no reason
            self._asked_s = clock.awake_s()
        return self.found

    def _ask(self) -> str:
        version = self._update.version
        _, facts = self._work.facts(clock.now())
        self._work.announce(self._update.release.trial_s + MARGIN_S, f"{version} is on trial")
        recall = facts.directed.order.recall if facts.directed else None
        if recall and within(version, recall.from_versions):
            return f"{version} is recalled: {recall.reason or 'no reason given'}"
        return withdrawn(facts.policy, self._update.release, version)
