"""COMMITTED and ROLLED_BACK: remember, prune, be idle again."""

import contextlib

from agent import kept, soak, trees, updater
from agent.backoff import forgotten
from agent.states import State, Update
from agent.work import Result, Work
from metadata.versions import within

KEPT_BACKUPS = 5
"""Copies of the configuration that stay for people to look at; their names begin with the time."""


def settle(work: Work, update: Update | None) -> Result:
    """Note what the end means for later decisions; none of it can undo the update."""
    assert update is not None
    state, _ = work.journal.state(work.name)
    if state is State.COMMITTED:
        _commit(work, update)
    with contextlib.suppress(OSError):  # what cannot be removed now is removed before the next download
        work.slots.prune(set())
        kept.drop(work, but=work.slots.running())
        for old in sorted(work.backup_folder(update).parent.glob("*"))[:-KEPT_BACKUPS]:
            trees.remove(old)
    return Result(True)


def _commit(work: Work, update: Update) -> None:
    key = f"highest_seq/{work.name}"
    seq = max(update.release.seq, work.journal.recall(key, 0))
    look = soak.noted(update.version, update.rollout, update.wave, update.release.soak_s)
    notes = {key: seq, **forgotten(work, update.version), f"soak/{work.name}": look}
    notes[f"unrestored/{work.name}"] = None  # the version that came after lives with what it found
    pin_key = f"pin/{work.name}"
    if update.action == "rollback" and update.before:
        notes[pin_key] = {"range": f"<={update.version}", "above": update.before}
    elif (pin := work.journal.recall(pin_key)) and not within(update.version, pin["range"]):
        notes[pin_key] = None
    work.journal.remember(notes)
    if work.name == updater.PRODUCT:
        updater.settle(work.settings.products_folder, update.version)
        if update.no_way_back:
            work.slots.forget_before()  # not even a week without a repository brings it back
