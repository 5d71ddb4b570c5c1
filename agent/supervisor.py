"""The resident part: sleeps, starts ticks, runs child services, enforces deadlines.

Standard library only, and it knows nothing of TUF, releases or health: the process that stays alive is the
one that knows least. A tick says over the control socket how long its next step may take and when the
next poll is due; one that overstays is killed, and the next one finds its state in the journal.
"""

import fcntl
import json
import os
import random
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from agent import bare, control
from agent.children import Children
from agent.notify import Notifier
from metadata.errors import ConflictError, TidegateError

FIRST_DEADLINE_S = 300
"""How long a tick may take before it has said anything."""
RETRY_S = 60
MAX_RETRY_S = 14_400
"""Four hours: the longest pause between polls, as ChromeOS has it."""
JITTER = 0.1


class Supervisor:
    """One run of ``tidegate-agent run``."""

    def __init__(self, config: Path, state: Path) -> None:
        self._config = config
        self._state = state
        self._lock = _lock(state)
        self._children = Children(state / "services.json")
        self._control = control.listen(state)
        self._systemd = Notifier(os.environ)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ)
        self._tick: subprocess.Popen[bytes] | None = None
        self._deadline = 0.0
        self._next_tick = 0.0
        self._told_s: float | None = None
        self._failures = 0
        self._concluded = False
        self._leaving = False

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
        self._systemd.tell("STOPPING=1\nSTATUS=ending what runs")
        self._end_tick()
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
        return max(0.0, min(own, self._children.next_at(), self._systemd.next_at) - now)

    def _look_after_tick(self) -> None:
        now = time.monotonic()
        if self._tick is None:
            if now >= self._next_tick:
                self._start_tick(now)
            return
        if self._tick.poll() is None and now >= self._deadline:
            _say("a tick did not end in time and is killed; the next one goes on from the journal")
            self._end_tick()
        if (status := self._tick.poll() if self._tick else -signal.SIGKILL) is not None:
            self._tick = None
            self._next_tick = now + self._pace(status)
            if not self._concluded:
                self._systemd.status(f"the last tick ended with status {status}, without a word")

    def _start_tick(self, now: float) -> None:
        self._told_s, self._concluded = None, False
        self._deadline = now + FIRST_DEADLINE_S
        command = [*own_command(), "--config", str(self._config), "tick"]
        self._tick = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def _end_tick(self) -> None:
        if self._tick is not None:
            os.killpg(self._tick.pid, signal.SIGKILL)
            self._tick.wait()

    def _pace(self, status: int) -> float:
        """Return the seconds to the next tick: what the last one asked for, or ever longer after failures."""
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
                answer = self._answer(json.loads(control.receive(line)))
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
        if request["op"] == "next":
            self._told_s = float(request["seconds"])
            return {}
        return self._children.answer(request)


def own_command() -> list[str]:
    """Return how this program is started again."""
    frozen = getattr(sys, "frozen", False)
    return [sys.executable] if frozen else [sys.executable, "-m", "agent"]


def _lock(state: Path) -> int:
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(state / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConflictError(f"another supervisor works in {state}", "end it first") from error
    return handle


def main(config: Path) -> int:
    """Run until told to stop; return the exit code."""
    try:
        Supervisor(config, bare.read(config).state).run()
    except TidegateError as error:
        _say(f"error: {error.message}\nhint: {error.hint}")
        return error.exit_code
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
