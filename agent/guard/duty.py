"""The guard on duty: one look at every open trial, by ``tidegate-guard.timer``.

A tick at work holds the host's lock, and the guard does not disturb it before the deadline; a tick that still
holds it then hangs, and is ended.
"""

import contextlib
from pathlib import Path

from agent import bare, commands, files, locking, output
from agent.guard import watch as watching
from agent.guard.back import go_back
from agent.processes import boot_id
from metadata.errors import ConflictError, TidegateError, UnhealthyError

TIMER = "tidegate-guard.timer"
BOOTED = Path("/run/systemd/system")
"""There when systemd is PID 1: sd_booted(3)."""
ASK_S = 30


def main(config: Path) -> int:
    """Look at every open trial of the host whose settings these are."""
    return look(bare.find(config, output.warning).state)


def look(state: Path) -> int:
    """Look at every open trial once; return the exit code."""
    code = 0
    for path in watching.every(state):
        try:
            _look_at(state, path)
        except (TidegateError, OSError, ValueError) as error:
            if isinstance(error, OSError):
                watching.note_hindrance(state, path.stem)
            text = files.told(error) if isinstance(error, OSError) else error
            output.warning(f"the guard cannot look after {path.stem}: {text}")
            code = UnhealthyError.exit_code
    if not _any_open(state):
        _rest(state)
    return code


def _look_at(state: Path, path: Path) -> None:
    watch = watching.read(path)
    if watch is None or watch.done:
        return
    if watch.overdue:
        _end_whoever_hangs(state)
    try:
        with locking.locked(state):
            _decide(state, path)
    except ConflictError:
        if watch.overdue:
            raise
        return  # a tick is at work, and has its own deadlines


def _decide(state: Path, path: Path) -> None:
    """Look again, now that nobody else can change anything."""
    watch = watching.read(path)
    if watch is None or watch.done:
        return
    if not watch.overdue:
        if watch.boot != boot_id():
            watching.keep(state, watch.begun(watch.boots + 1))
        return
    done = go_back(state, watch)
    output.warning(f"{watch.product}: nobody kept {watch.version} in time; the guard {done}")
    watching.keep(state, watch._replace(done=done))


def _end_whoever_hangs(state: Path) -> None:
    holder = locking.holder(state)
    if holder is None:
        return
    try:
        with locking.locked(state):
            return  # it is at work no more
    except ConflictError:
        output.warning(f"process {holder.pid} holds the lock past the end of a trial, and is ended")
        holder.end()


def _any_open(state: Path) -> bool:
    for path in watching.every(state):
        with contextlib.suppress(ValueError):  # a damaged record is written anew with the next switch
            watch = watching.read(path)
            if watch is not None and not watch.done:
                return True
    return False


def _rest(state: Path) -> None:
    """Stop the timer, unless a tick is at work, which may arm it just now."""
    try:
        with locking.locked(state):
            if not _any_open(state):
                tell_timer("stop")
    except TidegateError:
        return


def tell_timer(verb: str) -> bool:
    """Start or stop the timer, where systemd runs and has it; return whether it was done."""
    if not BOOTED.is_dir():
        return False
    return commands.run(["systemctl", verb, "--no-block", "--", TIMER], Path("/"), ASK_S).ok
