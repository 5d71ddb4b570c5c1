"""The state machine: one table is the life of an update.

The journal is written before each step; every step can be repeated. A tick runs the rows until it must
wait, and begins wherever the last one was interrupted.
"""

import contextlib
import importlib
from collections.abc import Callable, Mapping

import msgspec

from agent import commands, files
from agent.guard import arming
from agent.journal import Event
from agent.states import State, Update
from agent.work import Result, Work
from metadata.errors import TidegateError, UnsuitableError

StepFunction = Callable[[Work, Update | None], Result]


class Step(msgspec.Struct, frozen=True):
    """One row: the work, and where it leads."""

    name: str
    """Module in ``agent.steps``, and the function in it."""
    ok: State
    failed: State
    stage: str
    """What a report calls it."""
    harmless: bool = True
    """Whether an error here leaves what runs untouched, so that the product is simply idle again."""

    @property
    def work(self) -> StepFunction:
        """The work itself, loaded when it is asked for: a tick with nothing to do needs ``choose`` alone."""
        found: StepFunction = getattr(importlib.import_module(f"agent.steps.{self.name}"), self.name)
        return found


TABLE: Mapping[State, Step] = {
    State.IDLE: Step("choose", State.CHOSEN, State.IDLE, "refusal"),
    State.CHOSEN: Step("download", State.FETCHED, State.IDLE, "update_download"),
    State.FETCHED: Step("verify", State.STAGED, State.IDLE, "update_verify"),
    State.STAGED: Step("stage", State.SWITCHING, State.IDLE, "update_verify"),
    State.SWITCHING: Step("install", State.ON_TRIAL, State.ROLLING_BACK, "update_install", harmless=False),
    State.ON_TRIAL: Step(
        "healthcheck", State.COMMITTED, State.ROLLING_BACK, "update_healthcheck", harmless=False
    ),
    State.ROLLING_BACK: Step(
        "rollback", State.ROLLED_BACK, State.STRANDED, "update_rollback", harmless=False
    ),
    State.COMMITTED: Step("settle", State.IDLE, State.IDLE, "soak", harmless=False),
    State.ROLLED_BACK: Step("settle", State.IDLE, State.IDLE, "soak", harmless=False),
    State.STRANDED: Step("choose", State.CHOSEN, State.STRANDED, "refusal"),
}
MAX_STEPS = 40
"""Steps in one tick: five updates in a row (a base, some barriers, the order). More can wait for the next."""


def run(work: Work) -> None:
    """Run the rows of the table until the product must wait.

    Raises:
        TidegateError: A step could not be done; what ran before still runs, and the journal says so.
    """
    _run(work, ends=())


def run_to_rest(work: Work) -> None:
    """Run the rows of the table until the update on its way has come to its end."""
    _run(work, ends=(State.IDLE, State.STRANDED))


def _run(work: Work, ends: tuple[State, ...]) -> None:
    _end_what_was_left(work)
    for _ in range(MAX_STEPS):
        state, update = work.journal.state(work.name)
        if update is None and state not in {State.IDLE, State.STRANDED}:
            raise UnsuitableError(f"{work.name} is {state} without an update", "run: tidegate-agent doctor")
        if update is not None and _left_behind(work, update):
            _drop(work, state, update)
            continue
        if state in ends:
            return
        step = TABLE[state]
        if not step.harmless:
            work.stay_close()
        try:
            result = _attempt(work, step, update)
            _advance(work, step.ok if result.ok else step.failed, update, result)
        except TidegateError:
            if not step.harmless:
                _hold(work, state, update)
            raise
        if result.halt:
            return


def _end_what_was_left(work: Work) -> None:
    """End commands of a tick that died in the middle of them, before any is run a second time."""
    state, update = work.journal.state(work.name)
    if update is None:
        return
    for words in commands.end_left(work.slots.mark):
        text = f"{words}: its tick had died, and it was ended"
        work.journal.add(work.event(update, TABLE[state].stage, "failed", "left_running", text))


def _hold(work: Work, state: State, update: Update | None) -> None:
    """Stay where a step could not go on for the host's sake, which is no interruption and counts as none."""
    with contextlib.suppress(TidegateError):  # a journal that takes nothing has not counted either
        work.journal.enter(work.name, state, update, [])
    arming.note_hindrance(work)
    work.leave_running()


def _left_behind(work: Work, update: Update) -> bool:
    """Whether another version is in place than those of the update: the journal came from a copy."""
    return work.slots.running() not in {update.before, update.version}


def _drop(work: Work, state: State, update: Update) -> None:
    """Leave what is in place alone, and decide anew."""
    detail = f"{work.slots.running() or 'nothing'} is in place: the journal is older than that"
    work.journal.enter(
        work.name, State.IDLE, None, [work.event(update, TABLE[state].stage, "failed", "left_behind", detail)]
    )
    arming.disarm(work)


def _attempt(work: Work, step: Step, update: Update | None) -> Result:
    try:
        return step.work(work, update)
    except TidegateError as error:
        if update is not None and step.harmless:
            event = work.event(update, step.stage, "failed", error.name(), error.message)
            _advance(work, step.failed, update, Result(False, event=event))
        raise
    except OSError as error:  # says nothing about a version: the state stays, and the next tick tries again
        raise UnsuitableError(f"{work.name}: {files.told(error)}", files.mend(error)) from error


def _advance(work: Work, state: State, before: Update | None, result: Result) -> None:
    """Enter the next state; a host on which nothing ran is stranded until something does."""
    if state is State.IDLE and before is not None and before.stranded and not _recovered(result, before):
        state = State.STRANDED
    carried = None if state in {State.IDLE, State.STRANDED} else result.update or before
    events: list[Event] = [result.event] if result.event else []
    work.journal.enter(work.name, state, carried, events)


def _recovered(result: Result, before: Update) -> bool:
    """Whether a stranded host has come to an end where something runs."""
    return result.ok and not before.failure
