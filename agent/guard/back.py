"""Going back by hand: stop, the old link, the old configuration, start. Safe to repeat from the top."""

import time
from pathlib import Path
from typing import Any

from agent import commands, control
from agent.backup import Backup
from agent.guard.watch import Watch
from agent.slots import Slots
from metadata.errors import UnsuitableError

START_ATTEMPTS = 3
LOOK_S = 0.05


def go_back(state: Path, watch: Watch) -> str:
    """Take a trial back, and return what was done, in words."""
    slots = Slots(Path(watch.folder))
    try:
        running = slots.running()
    except UnsuitableError as error:
        return f"left it alone: {error.message}"
    if running not in {watch.version, watch.before}:
        return f"left it alone: {running or 'nothing'} is in place, which was not on trial"
    commands.end_left(slots.mark)
    _stop(state, watch)
    text = _switch(slots, watch)
    if watch.before is None:
        return text
    return f"{text}, and started it" if _start(state, watch) else f"{text}; it does not start"


def _switch(slots: Slots, watch: Watch) -> str:
    if watch.before is None:
        slots.leave()
        return "took the first version away"
    if watch.stay or not slots.has(watch.before):
        return f"left {watch.version} in place: {watch.stay or f'{watch.before} is gone'}"
    slots.switch_back(watch.before, watch.previous)
    Backup(Path(watch.backup)).restore()
    return f"went back to {watch.before}"


def _stop(state: Path, watch: Watch) -> None:
    _run(watch.by_hand.get("stop", []), watch)
    if child := watch.by_hand.get("child"):
        limit = time.monotonic() + watch.by_hand["limit_s"]
        _ask(state, "stop", child)
        while (_ask(state, "status", child) or {}).get("pid") and time.monotonic() < limit:
            time.sleep(LOOK_S)


def _start(state: Path, watch: Watch) -> bool:
    child = watch.by_hand.get("child")
    for _ in range(START_ATTEMPTS):
        answer = _ask(state, "start", child) if child else {}
        if _run(watch.by_hand.get("start", []), watch) and not (answer or {}).get("error"):
            return True
    return False


def _run(lines: list[list[str]], watch: Watch) -> bool:
    """Run commands, all of them whatever comes of one; return how the last one ended."""
    current = Slots(Path(watch.folder)).current
    folder = current if current.is_dir() else Path("/")
    mark, limit_s = Slots(Path(watch.folder)).mark, watch.by_hand["limit_s"]
    ran = [commands.run(line, folder, limit_s, mark=mark).ok for line in lines]
    return all(ran[-1:])


def _ask(state: Path, op: str, child: dict[str, Any]) -> dict[str, Any] | None:
    """Ask the supervisor; without one, the next one starts what the link names."""
    try:
        return control.ask(state, {"op": op, **child})
    except control.NoSupervisorError:
        return None
