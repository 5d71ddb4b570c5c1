"""A host for stories: its own folders, a product with a real process, the agent as a child process."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repo_tools.demo.fleet import Port

LEAN = Path(__file__).parent / "lean"
CONTROL = """#!/bin/sh
# start, stop and status of the product, as an operator would write them
case "$1" in
start)
  for once in {folder}/refuse-start-*; do [ -e "$once" ] && rm "$once" && exit 8; done
  cd "$2" || exit 1
  setsid ./bin/agent {port} {config} >>{folder}/service.log 2>&1 &
  echo $! >{folder}/pid ;;
stop)
  while [ -e {folder}/hold-stop ]; do touch {folder}/held; sleep 0.02; done
  [ -e {folder}/refuse-stop ] && echo "three users are at work" && exit 9
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

    @property
    def entry(self) -> dict[str, Any]:
        """The first product's entry in it."""
        entry: dict[str, Any] = self.json["products"][0]
        return entry

    @property
    def rule(self) -> str:
        """The rule of the first product's decision."""
        return str(self.entry["decision"]["rule"])


class Host:
    """One host with one product, ``agent``, behind start, stop and status commands."""

    def __init__(self, folder: Path, *, service: str = "command", product: str = "agent") -> None:
        self.folder = folder
        self.product = product
        self.service = service
        self.port = Port()
        self.state = folder / "state"
        self.root = folder / "root"
        self.settings = folder / "agent.toml"
        self.config = folder / "etc" / "agent.conf"
        self.health = [f'{{ http = "http://127.0.0.1:{self.port}/healthz", interval_s = 1, timeout_s = 2 }}']
        self.supervisors: list[subprocess.Popen[bytes]] = []
        self.config.parent.mkdir(parents=True)
        self.config.write_text("colour = blue\n")
        control = folder / "ctl"
        control.write_text(CONTROL.format(port=self.port, config=self.config, folder=folder))
        control.chmod(0o755)
        self.write_settings()
        self.plain = self.settings.read_text() if self.settings.exists() else ""
        """The settings as every story finds them."""

    def write_settings(self, extra: str = "", top: str = "") -> None:
        """Write the settings file; ``extra`` goes into the product's table, ``top`` above it."""
        ctl = self.folder / "ctl"
        if self.service == "command":
            parts = (f'{verb} = ["{ctl}", "{verb}", "{{current}}"]' for verb in ("start", "stop", "status"))
            service = f'kind = "command", {", ".join(parts)}'
        else:
            command = f'["{{current}}/bin/agent", "{self.port}", "{self.config}"]'
            service = f'kind = "child", command = {command}, stop_s = 2'
        self.settings.write_text(
            f'state = "{self.state}"\nroot = "{self.root}"\n{top}\n\n[[product]]\nname = "{self.product}"\n'
            f"service = {{ {service} }}\n"
            f"health = [{', '.join(self.health)}]\n"
            f'config = ["{self.config.parent}"]\n{extra}\n'
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the agent: in UTC, without extras, and with compiled code kept, as on a host."""
        return {**os.environ, "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "", "PYTHONPATH": str(LEAN)}

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of the agent."""
        return self.module("agent", "--config", str(self.settings), *arguments)

    def module(self, *arguments: str) -> list[str]:
        """Return a command line that runs a Python module on this host."""
        return [sys.executable, "-m", *arguments]

    def run(self, *arguments: str, environment: dict[str, str] | None = None, wait_s: float = 120) -> Ran:
        """Run one command of the agent and return how it ended."""
        env = {**self.environment, **(environment or {})}
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=wait_s, env=env, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one command of the agent and let it run."""
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
        )

    def enroll(self, url: str, root: Path, agent_id: str | None = None) -> Ran:
        """Enrol with a repository."""
        named = ["--agent-id", agent_id] if agent_id else []
        return self.run("enroll", "--url", url, "--root", str(root), *named)

    def tick(self) -> Ran:
        """Run one tick."""
        return self.run("tick", "--json")

    def entry(self) -> dict[str, Any]:
        """Return the product's entry of ``status --json``."""
        return self.run("status", "--json").entry

    def rule(self) -> str:
        """Return the rule of the last decision."""
        return self.run("status", "--json").rule

    @property
    def runs(self) -> str | None:
        """The version that answers over HTTP; None when nothing answers."""
        return ask(f"http://127.0.0.1:{self.port}/version")

    @property
    def pid(self) -> int:
        """The process that the start command started."""
        return int((self.folder / "pid").read_text())

    @property
    def installed(self) -> str | None:
        """The version that ``current`` names."""
        link = self.root / self.product / "current"
        return link.readlink().name if link.is_symlink() else None

    @property
    def versions(self) -> list[str]:
        """The versions on the disk."""
        return sorted(path.name for path in (self.root / self.product / "versions").iterdir())

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the journal, whatever else is at work."""
        with contextlib.closing(sqlite3.connect(self.state / "journal.db", timeout=10)) as journal:
            if not journal.execute("SELECT name FROM sqlite_master").fetchall():
                return []  # the first tick is about to make it
            rows: list[tuple[Any, ...]] = journal.execute(statement, values).fetchall()
            journal.commit()
            return rows

    @property
    def stands(self) -> str:
        """The state in which the journal has the product."""
        with contextlib.suppress(sqlite3.Error):
            rows = self.query("SELECT state FROM product WHERE name = ?", self.product)
            return str(rows[0][0]) if rows else "IDLE"
        return "unknown"

    def history(self) -> list[tuple[str, str, str]]:
        """Return (stage, outcome, reason) of every event, oldest first."""
        return [
            (stage, outcome, reason)
            for stage, outcome, reason in self.query("SELECT stage, outcome, reason FROM event ORDER BY id")
        ]

    def details(self, stage: str) -> str:
        """Return what the newest event of a stage says."""
        rows = self.query("SELECT detail FROM event WHERE stage = ? ORDER BY id DESC LIMIT 1", stage)
        return str(rows[0][0])

    def eventually(self, what: Callable[[], bool]) -> None:
        """Wait until something is true of this host; a host that does not come to it says what it did."""
        eventually(what, told=self._story)

    def _story(self) -> str:
        rows = self.query("SELECT * FROM event ORDER BY id DESC LIMIT 8")
        log = self.folder / "supervisor.log"
        said = log.read_text(errors="replace")[-4_000:] if log.exists() else ""
        return "\n".join([f"stands: {self.stands}, runs: {self.runs}", *map(str, reversed(rows)), said])

    def supervise(self) -> None:
        """Start ``tidegate-agent run``."""
        log = (self.folder / "supervisor.log").open("ab")
        with log:
            started = subprocess.Popen(
                self.command("run"), stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        self.supervisors.append(started)

    @property
    def supervisor_pid(self) -> int:
        """The process id of ``run``."""
        return self.supervisors[-1].pid

    def kill_supervisor(self) -> None:
        """End ``run`` as a crash would."""
        self.supervisors[-1].kill()
        self.supervisors[-1].wait()

    def end_supervisor(self) -> int:
        """Ask ``run`` to end, and return its exit code."""
        self.supervisors[-1].terminate()
        return self.supervisors[-1].wait(60)

    def close(self) -> None:
        """End everything that this host started."""
        self._end_adopted()
        for one in self.supervisors:
            if one.poll() is None:
                one.terminate()
                one.wait(60)
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid, signal.SIGKILL)

    def _end_adopted(self) -> None:
        """A supervisor that was killed leaves its services; the next one ends them."""
        services = self.state / "services.json"
        if self.supervisors and services.exists() and self.supervisors[-1].poll() is not None:
            for child in json.loads(services.read_bytes()).values():
                with contextlib.suppress(OSError):
                    os.killpg(child["pid"], signal.SIGKILL)


def ask(url: str) -> str | None:
    """Return what a URL answers, or None."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return None


def ask_status(url: str) -> int:
    """Return the status that a URL answers with; 0 when nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def eventually(
    what: Callable[[], bool], limit_s: float = 180, told: Callable[[], str] = lambda: "nothing more is known"
) -> None:
    """Wait until something is true; the one bounded poll of the suite. ``told`` says why it was not."""
    end = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end, f"it did not become true in time\n{told()}"
        time.sleep(0.05)
