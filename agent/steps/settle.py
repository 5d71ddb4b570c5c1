"""COMMITTED and ROLLED_BACK: remember, prune, be idle again."""

from datetime import timedelta

from agent import clock
from agent.states import State, Update
from agent.work import Result, Work
from metadata.versions import within


def settle(work: Work, update: Update | None) -> Result:
    """Note what the end means for later decisions; none of it can undo the update."""
    assert update is not None
    state, _ = work.journal.state(work.name)
    if state is State.COMMITTED:
        _commit(work, update)
    work.slots.prune(set())
    return Result(True)


def _commit(work: Work, update: Update) -> None:
    key = f"highest_seq/{work.name}"
    seq = max(update.release.seq, work.journal.recall(key, 0))
    due = clock.now() + timedelta(seconds=update.release.soak_s)
    soak = {"version": update.version, "rollout": update.rollout, "wave": update.wave, "at": due.isoformat()}
    notes = {key: seq, f"retry/{work.name}/{update.version}": None, f"soak/{work.name}": soak}
    pin_key = f"pin/{work.name}"
    if update.action == "rollback" and update.before:
        notes[pin_key] = {"range": f"<={update.version}", "above": update.before}
    elif (pin := work.journal.recall(pin_key)) and not within(update.version, pin["range"]):
        notes[pin_key] = None
    work.journal.remember(notes)
