"""STAGED: the last look. Until the end of this step any failure or change of mind is harmless."""

from datetime import timedelta

from agent import clock, commands, hooks, kept
from agent.backoff import put_off
from agent.backup import Backup
from agent.health import Answer
from agent.resolve import Facts
from agent.states import Update, changed
from agent.steps.choose import look, note
from agent.steps.download import check_space
from agent.withdrawal import no_way_back
from agent.work import Result, Work
from metadata.errors import TidegateError, UnhealthyError, UnsuitableError
from metadata.facts import Decision

STEP_S = 600
AGAIN_S = 300
"""When a switch that was put off is tried again at the latest; a poll before that tries it, too."""


def stage(work: Work, update: Update | None) -> Result:
    """Decide again, take the baseline, copy the configuration, ask whether the switch may happen now."""
    assert update is not None
    try:
        result = _stage(work, update)
    except (TidegateError, OSError):
        hooks.unready(work, update)
        raise
    if not result.ok:
        hooks.unready(work, update)
    return result


def _stage(work: Work, update: Update) -> Result:
    facts: Facts | None = None
    kept.keep(work, update)
    if update.action != "rollback":
        decision, facts = look(work)
        same = (
            decision.version == update.version and facts.releases.digests.get(update.version) == update.sha256
        )
        if not (decision.goes and same):
            return Result(False, event=note(work, decision, facts), halt=decision.may_stage)
        update = changed(update, no_way_back=no_way_back(work, facts, update))
    work.announce(STEP_S + hooks.patience_s(work, update), f"looking at what runs before {update.version}")
    baseline = _baseline(work, update)
    backup = Backup(work.backup_folder(update))
    check_space({work.settings.state_folder: backup.wanted_bytes(work.product.config)})
    backup.take(work.product.config)
    if (said := hooks.before(work, update)).answer != "ok":
        return _not_now(work, update, said, facts)
    _refuse_unstartable(work, update)
    work.journal.remember({_deferral(work): None})
    return Result(True, changed(update, baseline_ok=baseline.ok if baseline else None))


def _refuse_unstartable(work: Work, update: Update) -> None:
    """Raise for a version whose program could not be started, where what starts it is known."""
    for program in work.service.starts(work.slots.slot(update.version))[:1]:
        if why := commands.unstartable(program):
            text = f"{update.version} cannot be started: {program} {why}"
            hint = "is service.command right? else it does not run on this host; what runs is left alone"
            raise UnsuitableError(text, hint)


def _not_now(work: Work, update: Update, said: hooks.Said, facts: Facts | None) -> Result:
    """Put the switch off; a person who asked for it is told at once."""
    if facts is None:
        raise UnhealthyError(said.detail, "nothing was changed; try again later")
    event = work.event(update, "update_verify", said.answer, hooks.PRE, said.detail)
    rule, until = "deferred", clock.now() + timedelta(seconds=AGAIN_S)
    if said.answer == "failed":
        rule, until = "backoff", put_off(work, update.version, f"waits: {said.text}")
    told = {"version": update.version, "text": said.text}
    known = said.answer == "deferred" and work.journal.recall(_deferral(work)) == told
    work.journal.remember({_deferral(work): told})
    text = f"{update.version} waits: {said.text}"
    note(work, Decision("wait", rule, text, update.version, until), facts)
    return Result(False, event=None if known else event, halt=True)


def _deferral(work: Work) -> str:
    """Return under which name the journal keeps what put the switch off, which is told once."""
    return f"deferred/{work.name}"


def _baseline(work: Work, update: Update) -> Answer | None:
    """Return whether the product is healthy before anything is changed; None without one."""
    status = work.service.status()  # raises, harmlessly, where the manager itself is not there
    if update.before is None:
        return None
    if not status.running:
        return Answer(False, status.text)
    return work.health(work.old_release(update.before), update.before).all_well()
