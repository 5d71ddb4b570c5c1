"""The services that the supervisor runs itself: started, stopped, restarted, found again after a crash.

Standard library only. What should run is kept in ``services.json``, with the process that runs it: a new
supervisor takes a living process over instead of starting a second one beside it. A supervisor that dies, or
has no space to write, just when it starts or stops one leaves a process that the file does not know: it is
found by a mark in its environment.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from agent import plain, processes
from agent.files import told, write
from agent.processes import Process

RESTART_S = (1, 2, 4, 8, 16, 30)
"""Pauses before a service that ended by itself is started again."""
SETTLED_S = 60
"""A service that ran this long begins the list of pauses anew."""


MARK = "TIDEGATE_SERVICE"
"""The variable in each service's environment that tells whose it is."""
LEFT_STOP_S = 10
"""How long a service may take to end that nothing is known of; the settings' own default."""
RETRY_S = 1
"""When what could not be written is written again."""


class Child:
    """One service that should run; a plain class, since ``dataclasses`` costs the resident process 1 MB."""

    def __init__(
        self, command: list[str], folder: str, stop_s: float, pid: int = 0, born: str = "", restarts: int = 0
    ) -> None:
        self.command = command
        self.folder = folder
        self.stop_s = stop_s
        self.pid = pid
        self.born = born
        self.restarts = restarts

    @property
    def process(self) -> Process:
        """The process that runs it, if it still does."""
        return Process(self.pid, self.born)


def _kept(name: str, fields: Any) -> Child:
    """Return a service as it was written down."""
    os.fsencode(name)  # raises ValueError for half a character, which no environment can hold
    child = Child(**plain.checked(fields, _KINDS))
    if not plain.texts(child.command):
        raise ValueError(f"{name} has no command")
    return child


_KINDS = {
    "command": list,
    "folder": str,
    "stop_s": plain.NUMBER,
    "pid": int,
    "born": str,
    "restarts": int,
}


class Children:
    """All of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted: dict[str, Child] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._restart_at: dict[str, float] = {}
        self._kill_at: dict[str, float] = {}
        self._ended: dict[str, str] = {}
        self._ending: dict[str, Child] = {}
        self._unsaved = False

    def resume(self) -> None:
        """Take over what a former supervisor left, and start what should run and does not."""
        try:
            saved = plain.table(self._path.read_bytes())
            self._wanted = {name: _kept(name, fields) for name, fields in saved.items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError):
            self._path.unlink(missing_ok=True)  # a torn file: the next tick starts its services again
            return
        for name, child in self._wanted.items():
            if not child.process.alive() and not self._adopt(name, child):
                self._spawn(name, child)

    def _mark(self, name: str) -> str:
        return f"{self._path.absolute()}:{name}"

    def _adopt(self, name: str, child: Child) -> bool:
        """Take over what a former supervisor left without writing it down; return whether there was one."""
        found = processes.marked(f"{MARK}={self._mark(name)}")
        if found is None:
            return False
        child.pid, child.born = found
        self._started[name] = time.monotonic()
        self.save()
        return True

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Serve one request of a tick: start, keep, stop or status."""
        name = str(request["service"])
        if request["op"] == "start" or (request["op"] == "keep" and name not in self._wanted):
            return self._start(name, request)
        if request["op"] == "keep":
            return {}
        if request["op"] == "stop":
            self._stop(name)
            return {}
        return self._status(name)

    def _start(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        if name in self._wanted and self._wanted[name].process.alive():
            return {}
        child = Child(
            [str(part) for part in request["command"]], str(request["folder"]), float(request["stop_s"])
        )
        self._wanted[name] = child
        self._restart_at.pop(name, None)
        error = "" if self._adopt(name, child) else self._spawn(name, child)
        if error:
            del self._wanted[name]
            self.save()
        return {"error": error} if error else {}

    def _spawn(self, name: str, child: Child) -> str:
        try:
            process = subprocess.Popen(
                child.command,
                cwd=child.folder,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, MARK: self._mark(name)},
            )
        except (OSError, ValueError) as error:  # the latter where a word of it holds what no word may
            self._ended[name] = told(error) if isinstance(error, OSError) else str(error)
            return self._ended[name]
        self._processes[name] = process
        self._started[name] = time.monotonic()
        child.pid, child.born = process.pid, processes.born(process.pid)
        self.save()
        return ""

    def _stop(self, name: str) -> None:
        child = self._wanted.pop(name, None) or self._ending.get(name) or Child([], "", LEFT_STOP_S)
        self._restart_at.pop(name, None)
        self.save()
        if not child.process.alive() and not self._adopt(name, child):
            return
        self._ending[name] = child
        self._kill_at[name] = time.monotonic() + child.stop_s
        child.process.signal(signal.SIGTERM)

    def _left(self, name: str) -> list[Process]:
        """Return what a service has started, in whatever session: it would stand beside the next version."""
        return processes.carrying(f"{MARK}={self._mark(name)}")

    def _ask_left(self, name: str, child: Child) -> bool:
        """Ask what a service left behind to end, one after the other; return whether there is anything."""
        found = self._left(name)
        if found:
            child.pid, child.born = found[0]
            child.process.signal(signal.SIGTERM)
        return bool(found)

    def _status(self, name: str) -> dict[str, Any]:
        child = self._wanted.get(name) or self._ending.get(name)
        if child is not None and child.process.alive():
            return {"pid": child.pid, "restarts": child.restarts}
        restarts = child.restarts if child else 0
        return {"pid": 0, "restarts": restarts, "ended": self._ended.get(name, "not started")}

    def look_after(self) -> None:
        """Reap what ended, restart what should run, kill what does not end."""
        now = time.monotonic()
        if self._unsaved:
            self.save()
        for name, process in list(self._processes.items()):
            if process.poll() is not None:
                self._ended[name] = f"status {process.returncode}"
                del self._processes[name]
        self._reap()
        for name, child in list(self._ending.items()):
            if not child.process.alive() and not self._ask_left(name, child):
                del self._ending[name]
                self._kill_at.pop(name, None)
            elif now >= self._kill_at.get(name, now):
                for one in (child.process, *self._left(name)):
                    one.signal(signal.SIGKILL)
                self._kill_at[name] = now + 1
        for name, child in list(self._wanted.items()):
            if not child.process.alive():
                self._restart(name, child, now)

    def _reap(self) -> None:
        """Let those go that this process had started before it became another version."""
        for name, child in [*self._wanted.items(), *self._ending.items()]:
            if name not in self._processes and not child.process.alive():
                with contextlib.suppress(OSError):
                    os.waitpid(child.pid, os.WNOHANG)

    def _restart(self, name: str, child: Child, now: float) -> None:
        if name not in self._restart_at:
            settled = now - self._started.get(name, now) > SETTLED_S
            pause = RESTART_S[0 if settled else min(child.restarts, len(RESTART_S) - 1)]
            self._restart_at[name] = now + pause
        elif now >= self._restart_at[name]:
            del self._restart_at[name]
            child.restarts += 1
            self._spawn(name, child)

    def next_at(self) -> float:
        """Return when ``look_after`` has something to do, by the monotonic clock."""
        soon = time.monotonic() + (
            0.05 if self._ending else RETRY_S if self._unsaved or self._orphans() else 3600
        )
        return min([soon, *self._restart_at.values(), *self._kill_at.values()])

    def _orphans(self) -> bool:
        """Whether something runs that is not our own child: no signal tells when it ends."""
        return any(name not in self._processes for name in self._wanted)

    def stop_all(self) -> None:
        """Stop everything and wait; what should run is kept for the next supervisor."""
        wanted = dict(self._wanted)
        for name in wanted:
            self._stop(name)
        while self._ending:
            self.look_after()
            time.sleep(0.02)
        self._wanted = wanted
        self.save()

    def save(self) -> None:
        """Write down what should run; a disk that is full must end neither a service nor the supervisor."""
        saved = {name: vars(child) for name, child in self._wanted.items()}
        try:
            write(self._path, json.dumps(saved).encode())
            self._unsaved = False
        except OSError:
            self._unsaved = True
