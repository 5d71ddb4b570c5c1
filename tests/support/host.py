"""A host for stories: its own folders, a product with a real process, the agent as a child process."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTROL = """#!/bin/sh
# start, stop and status of the product, as an operator would write them
case "$1" in
start)
  cd "$2" || exit 1
  setsid ./bin/agent {port} {config} >>{folder}/service.log 2>&1 &
  echo $! >{folder}/pid ;;
stop)
  [ -f {folder}/pid ] || exit 0
  kill "$(cat {folder}/pid)" 2>/dev/null
  while kill -0 "$(cat {folder}/pid)" 2>/dev/null; do sleep 0.02; done
  rm -f {folder}/pid ;;
status)
  [ -f {folder}/pid ] && kill -0 "$(cat {folder}/pid)" 2>/dev/null ;;
esac
"""


@dataclass(frozen=True)
class Ran:
    """How a command of the agent ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.stdout)


class Host:
    """One host with one product, ``agent``, behind start, stop and status commands."""

    def __init__(self, folder: Path, *, service: str = "command", product: str = "agent") -> None:
        self.folder = folder
        self.product = product
        self.service = service
        self.port = free_port()
        self.state = folder / "state"
        self.root = folder / "root"
        self.settings = folder / "agent.toml"
        self.config = folder / "etc" / "agent.conf"
        self.extra = ""
        self._supervisor: subprocess.Popen[bytes] | None = None
        self.config.parent.mkdir(parents=True)
        self.config.write_text("colour = blue\n")
        control = folder / "ctl"
        control.write_text(CONTROL.format(port=self.port, config=self.config, folder=folder))
        control.chmod(0o755)
        self.write_settings()

    def write_settings(self, extra: str = "") -> None:
        """Write the settings file; ``extra`` goes into the product's table."""
        ctl = self.folder / "ctl"
        if self.service == "command":
            parts = (f'{verb} = ["{ctl}", "{verb}", "{{current}}"]' for verb in ("start", "stop", "status"))
            service = f'kind = "command", {", ".join(parts)}'
        else:
            command = f'["{{current}}/bin/agent", "{self.port}", "{self.config}"]'
            service = f'kind = "child", command = {command}, stop_s = 2'
        self.settings.write_text(
            f'state = "{self.state}"\nroot = "{self.root}"\n\n[[product]]\nname = "{self.product}"\n'
            f"service = {{ {service} }}\n"
            f'health = [{{ http = "http://127.0.0.1:{self.port}/healthz", interval_s = 1, timeout_s = 2 }}]\n'
            f'config = ["{self.config.parent}"]\n{extra}\n'
        )

    def run(self, *arguments: str, environment: dict[str, str] | None = None, wait_s: float = 120) -> Ran:
        """Run one command of the agent and return how it ended."""
        command = [sys.executable, "-m", "agent", "--config", str(self.settings), *arguments]
        env = {**os.environ, **(environment or {})}
        done = subprocess.run(command, capture_output=True, text=True, timeout=wait_s, env=env, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    def enroll(self, url: str, root: Path, agent_id: str | None = None) -> Ran:
        """Enrol with a repository."""
        named = ["--agent-id", agent_id] if agent_id else []
        return self.run("enroll", "--url", url, "--root", str(root), *named)

    def tick(self) -> Ran:
        """Run one tick."""
        return self.run("tick", "--json")

    def entry(self) -> dict[str, Any]:
        """Return the product's entry of ``status --json``."""
        entry: dict[str, Any] = self.run("status", "--json").json["products"][0]
        return entry

    def rule(self) -> str:
        """Return the rule of the last decision."""
        return str(self.entry()["decision"]["rule"])

    @property
    def runs(self) -> str | None:
        """The version that answers over HTTP; None when nothing answers."""
        return ask(f"http://127.0.0.1:{self.port}/version")

    @property
    def installed(self) -> str | None:
        """The version that ``current`` names."""
        link = self.root / self.product / "current"
        return link.readlink().name if link.is_symlink() else None

    def history(self) -> list[tuple[str, str, str]]:
        """Return (stage, outcome, reason) of every event, oldest first."""
        events = self.run("history", "--json", "--limit", "1000").json["events"]
        return [(event["stage"], event["outcome"], event["reason"]) for event in reversed(events)]

    def supervise(self) -> None:
        """Start ``tidegate-agent run``."""
        command = [sys.executable, "-m", "agent", "--config", str(self.settings), "run"]
        log = (self.folder / "supervisor.log").open("ab")
        with log:
            self._supervisor = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    @property
    def supervisor_pid(self) -> int:
        """The process id of ``run``."""
        assert self._supervisor is not None
        return self._supervisor.pid

    def kill_supervisor(self) -> None:
        """End ``run`` as a crash would."""
        assert self._supervisor is not None
        self._supervisor.kill()
        self._supervisor.wait()

    def close(self) -> None:
        """End everything that this host started."""
        if self._supervisor is not None and self._supervisor.poll() is None:
            self._supervisor.terminate()
            self._supervisor.wait(30)
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)


def free_port() -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(url: str) -> str | None:
    """Return what a URL answers, or None."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return None


def eventually(what: Callable[[], bool], limit_s: float = 60) -> None:
    """Wait until something is true; the one bounded poll of the suite."""
    end = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.05)
