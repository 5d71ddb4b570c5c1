"""A process that has loaded the agent, and runs each command in a fork of itself, under strace if asked to.

``python -m tests.support.sweep.server`` reads one JSON request a line and answers with one. Loading the
program takes most of a short tick; without it, thousands of calls can be swept in minutes.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import agent
from agent.__main__ import run

ATTACHED = "attached"
UNUSED = {"agent.__main__"}


def load() -> None:
    """Import everything that a tick may need, so that each fork makes the same calls."""
    for module in pkgutil.walk_packages(agent.__path__, "agent."):
        if module.name not in UNUSED:
            importlib.import_module(module.name)
    for name in ("ctypes", "tarfile", "filecmp", "zoneinfo", "encodings.idna"):
        importlib.import_module(name)


class Fork:
    """One command in a child, which waits until it may go."""

    def __init__(self, arguments: list[str]) -> None:
        self.out, self.err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 (closed in ``ended``)
        may_go, self._go = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._go)
            self._child(may_go, arguments)
        os.close(may_go)

    def _child(self, may_go: int, arguments: list[str]) -> None:
        code = 70
        try:
            os.setsid()
            os.dup2(self.out.fileno(), 1)
            os.dup2(self.err.fileno(), 2)
            os.read(may_go, 1)
            code = run(arguments)
            with contextlib.suppress(OSError):  # what is told may have no room, too
                sys.stdout.flush()
                sys.stderr.flush()
        finally:
            os._exit(code)

    def go(self) -> None:
        """Let it run."""
        os.write(self._go, b"\n")
        os.close(self._go)

    def ended(self, status: int) -> dict[str, Any]:
        """Return how it ended."""
        said = []
        for file in (self.out, self.err):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
            file.close()
        return {"status": os.waitstatus_to_exitcode(status), "out": said[0], "err": said[1]}


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Run one command; ``strace`` are its options, ``stops`` asks before going on after each stop."""
    fork = Fork(request["arguments"])
    tracer = attach(fork.pid, request["strace"]) if "strace" in request else None
    fork.go()
    status = _wait(fork.pid, request.get("stops", False))
    if tracer:
        tracer.communicate()
    return fork.ended(status)


def attach(pid: int, options: list[str]) -> subprocess.Popen[str]:
    """Let strace watch a process, and spoil what its options say."""
    command = ["strace", "-p", str(pid), *options]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr
    line = tracer.stderr.readline()
    if ATTACHED not in line:
        os.kill(pid, signal.SIGKILL)
        raise RuntimeError(f"strace: {line}{tracer.communicate()[1]}")
    return tracer


def _wait(pid: int, stops: bool) -> int:
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED if stops else 0)
        if not os.WIFSTOPPED(status):
            return status
        _say({"stopped": True})
        if not sys.stdin.readline().strip():
            os.kill(pid, signal.SIGKILL)
        os.kill(pid, signal.SIGCONT)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until nobody asks any more."""
    load()
    _say({"ready": os.getpid()})
    while line := sys.stdin.readline():
        try:
            answer = serve(json.loads(line))
        except (OSError, RuntimeError) as error:
            answer = {"broken": str(error)}
        _say(answer)


class Server:
    """The other side of the line."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment
            )
        assert "ready" in self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the server of ticks has died"
        answer: dict[str, Any] = json.loads(line)
        assert "broken" not in answer, answer
        return answer

    def _write(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def ask(self, *arguments: str, **request: Any) -> dict[str, Any]:
        """Run a command of the agent and return how it ended."""
        self._write(json.dumps({"arguments": list(arguments), **request}))
        return self._read()

    def go_on(self) -> dict[str, Any]:
        """Let a command that has stopped go on; return its next stop, or how it ended."""
        self._write("go")
        return self._read()

    def end_it(self) -> dict[str, Any]:
        """Kill a command that has stopped."""
        self._write("")
        return self._read()

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


if __name__ == "__main__":
    main()
