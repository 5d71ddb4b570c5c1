"""STAGED: the last look. Until the end of this step any failure or change of mind is harmless."""

from agent.backup import Backup
from agent.health import Answer
from agent.states import Update, changed
from agent.steps.choose import look, note
from agent.steps.download import packed_path
from agent.withdrawal import no_way_back
from agent.work import Result, Work

STEP_S = 600


def stage(work: Work, update: Update | None) -> Result:
    """Decide again, take the baseline, copy the configuration."""
    assert update is not None
    packed_path(work, update).unlink(missing_ok=True)
    if update.action != "rollback":
        decision, facts = look(work)
        same = (
            decision.version == update.version and facts.releases.digests.get(update.version) == update.sha256
        )
        if not (decision.goes and same):
            return Result(False, event=note(work, decision, facts), halt=decision.may_stage)
        update = changed(update, no_way_back=no_way_back(work, facts, update))
    work.announce(STEP_S, f"looking at what runs before {update.version}")
    baseline = _baseline(work, update)
    Backup(work.backup_folder(update)).take(work.product.config)
    return Result(True, changed(update, baseline_ok=baseline.ok if baseline else None))


def _baseline(work: Work, update: Update) -> Answer | None:
    """Return whether the product is healthy before anything is changed; None without one."""
    status = work.service.status()  # raises, harmlessly, where the manager itself is not there
    if update.before is None:
        return None
    if not status.running:
        return Answer(False, status.text)
    return work.health(work.old_release(update.before), update.before).all_well()
