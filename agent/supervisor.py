"""The resident part: sleeps, starts ticks, runs child services, enforces deadlines.

Standard library only, and it knows nothing of TUF, releases or health: the process that stays alive is the
one that knows least. A tick says over the control socket how long its next step may take and when the
next poll is due; one that overstays is killed, and the next one finds its state in the journal.

A new version of the updater takes over in the same process: what the old one runs and guards goes on.
"""

import contextlib
import fcntl
import json
import os
import random
import selectors
import signal
import sys
import time
from pathlib import Path
from typing import Any

from agent import bare, control, locking, plain, updater, worker
from agent.bare import Bare
from agent.children import Children
from agent.notify import Notifier
from metadata.errors import ConflictError, TidegateError

FIRST_DEADLINE_S = 300
"""How long a tick may take before it has said anything."""
RETRY_S = 60
LOOK_S = 1
"""How often a tick that somebody else has started is looked at."""
BUSY_S = 5
"""When somebody's command held the host as a tick began: it is over soon, and no failure."""
MAX_RETRY_S = 14_400
"""Four hours: the longest pause between polls, as ChromeOS has it."""
JITTER = 0.1


class Supervisor:
    """One run of ``tidegate-agent run``."""

    def __init__(self, config: Path, places: Bare) -> None:
        self._config = config
        self._places = places
        state = places.state
        self._lock = _lock(state)
        self._children = Children(state / "services.json")
        self._control = control.listen(state)
        self._systemd = Notifier(os.environ)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ)
        self._tick = worker.at_work(state)
        self._deadline = time.monotonic() + FIRST_DEADLINE_S
        self._next_tick = 0.0
        self._told_s: float | None = None
        self._failures = 0
        self._concluded = False
        self._leaving = False
        self._renewing = False
        self._elder_next = True

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, then stop the tick and the services."""
        self._wake_on_signals()
        self._children.resume()
        self._systemd.tell("READY=1")
        while not self._leaving:
            self._systemd.alive()
            self._look_after_tick()
            self._children.look_after()
            for key, _ in self._selector.select(self._pause()):
                if key.fileobj is self._control:
                    self._serve()
                else:
                    os.read(self._wakeup, 4096)
            if self._renewing:
                self._renew()
        self._systemd.tell("STOPPING=1\nSTATUS=ending what runs")
        if self._tick is not None:
            self._tick.end()
        self._children.stop_all()

    def _wake_on_signals(self) -> None:
        self._wakeup, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._leave)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _leave(self, *_: object) -> None:
        self._leaving = True

    def _pause(self) -> float:
        now = time.monotonic()
        own = self._deadline if self._tick else self._next_tick
        if self._tick and self._tick.silent:
            own = min(own, now + LOOK_S)
        return max(0.0, min(own, self._children.next_at(), self._systemd.next_at) - now)

    def _look_after_tick(self) -> None:
        now = time.monotonic()
        if self._tick is None:
            if now >= self._next_tick:
                self._keep_place()
                self._start_tick(now)
            return
        if self._tick.status() is None and now >= self._deadline:
            _say("a tick did not end in time and is killed; the next one goes on from the journal")
            self._tick.end()
        if (status := self._tick.status()) is not None:
            self._tick = None
            self._next_tick = now + self._pace(status)
            if not self._concluded:
                self._systemd.status(f"the last tick ended with status {status}, without a word; see the log")

    def _keep_place(self) -> None:
        """Take the place in the state folder again, if somebody has removed it: nobody could be heard."""
        state = self._places.state
        if control.is_open(state):
            return
        os.close(self._lock)
        self._lock = _lock(state)
        self._selector.unregister(self._control)
        self._control.close()
        self._control = control.listen(state)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._children.save()

    def _start_tick(self, now: float) -> None:
        self._told_s, self._concluded = None, False
        self._deadline = now + FIRST_DEADLINE_S
        rest = ["--config", str(self._config), "tick"]
        try:
            self._tick = worker.start([*self._worker(), *rest])
        except OSError:  # another version's program that cannot even be started
            self._tick = worker.start([*own_command(), *rest])

    def _worker(self) -> list[str]:
        """Return what does the next tick: this program, unless it is on trial or has been blind for long."""
        if judge := updater.judge(self._places):
            return [str(judge)]
        elder = updater.elder(self._places) if self._elder_next else None
        self._elder_next = not self._elder_next
        return [str(elder)] if elder else own_command()

    def _renew(self) -> None:
        """Become the version that is current, as the same process; whoever it has started stays its child."""
        self._renewing = False
        program = updater.program(self._places.root, "current")
        try:
            environment = self._systemd.environment(os.environ)
            os.execve(program, [str(program), *self._arguments()], environment)  # noqa: S606 (as meant)
        except OSError as error:
            _say(f"{program} cannot take over: {error}")

    def _arguments(self) -> list[str]:
        return ["--config", str(self._config), "run"]

    def _pace(self, status: int) -> float:
        """Return the seconds to the next tick: what the last one asked for, or ever longer after failures."""
        if status == ConflictError.exit_code:
            return BUSY_S
        self._failures = 0 if status == 0 else self._failures + 1
        pause = self._told_s if self._told_s is not None else RETRY_S
        if self._failures:
            pause = min(pause * 2 ** min(self._failures - 1, 20), MAX_RETRY_S)
        return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (spreads load, hides nothing)

    def _serve(self) -> None:
        try:
            line, _ = self._control.accept()
        except OSError:
            return
        with line:
            line.settimeout(1)
            try:
                answer = self._answer(plain.table(control.receive(line)))
                line.sendall(json.dumps(answer).encode() + b"\n")
            except (OSError, ValueError, KeyError, TypeError) as error:
                _say(f"a request on the control socket made no sense: {error!r}")

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "deadline":
            self._deadline = time.monotonic() + float(request["seconds"])
            self._systemd.status(str(request.get("text", "a tick is at work")))
            return {}
        if request["op"] == "conclude":
            self._concluded = True
            self._systemd.status(str(request["text"]))
            return {}
        if request["op"] == "look":
            self._next_tick, self._told_s, self._failures = 0.0, 0.0, 0
            return {}
        if request["op"] == "next":
            self._told_s = float(request["seconds"])
            return {}
        if request["op"] == "who":
            version = updater.own_version(self._places.root)
            return {"pid": os.getpid(), "version": version, "arguments": self._arguments()}
        if request["op"] == "renew":
            self._renewing = True
            return {}
        return self._children.answer(request)


def own_command() -> list[str]:
    """Return how this program is started again."""
    frozen = getattr(sys, "frozen", False)
    return [sys.executable] if frozen else [sys.executable, "-m", "agent"]


def _lock(state: Path) -> int:
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(state / locking.SUPERVISOR, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise locking.unusable(state, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConflictError(f"another supervisor works in {state}", "end it first") from error
    return handle


def main(config: Path) -> int:
    """Run until told to stop; return the exit code."""
    try:
        Supervisor(config, bare.find(config, _warn)).run()
    except TidegateError as error:
        _say(f"error: {error.message}\nhint: {error.hint}")
        return error.exit_code
    return 0


def _warn(text: str) -> None:
    _say(f"warning: {text}")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # a log on a full disk ends nothing
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
