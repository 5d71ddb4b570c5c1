"""Twenty hosts on one machine: each has its own folders, port, supervisor and service."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metadata.errors import UnhealthyError

AT_ONCE = 4
"""Commands of agents that run side by side; more only wait for the processors."""
STOP_S = 30
SETTINGS = """\
state = "{folder}/state"
root = "{folder}/root"

[[product]]
name = "hello"
channel = "stable"
service = {{ kind = "child", command = ["{{current}}/bin/hello", "{port}"], stop_s = 2 }}
health = [{{ http = "http://127.0.0.1:{port}/healthz", interval_s = 1 }}]
"""


class Port:
    """A port on loopback that nobody else is given for as long as this object lives; its text is its number.

    A service that restarts leaves its port for a moment, in which the system might give it to any connection:
    a socket that is bound there and never listens prevents that (SO_REUSEADDR in socket(7)).
    """

    def __init__(self) -> None:
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.number: int = self._held.getsockname()[1]

    def __str__(self) -> str:
        return str(self.number)

    def __del__(self) -> None:
        """Give the port back."""
        self._held.close()


@dataclass
class Host:
    """One host."""

    name: str
    wave: str
    folder: Path
    port: Port
    process: subprocess.Popen[bytes] | None = None
    seen: list[str] = field(default_factory=list)
    """Versions that answered here, in their order."""

    @property
    def settings(self) -> Path:
        """The agent's settings file."""
        return self.folder / "agent.toml"

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of this host's agent."""
        return [sys.executable, "-m", "agent", "--config", str(self.settings), *arguments]

    def run(self, *arguments: str) -> str:
        """Run one command of the agent and return its output.

        Raises:
            UnhealthyError: It failed.
        """
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise UnhealthyError(f"{self.name}: {done.stderr.strip()}", f"see {self.folder}")
        return done.stdout

    def start(self) -> None:
        """Start the agent, which starts the service."""
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command("run"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def look(self) -> str | None:
        """Ask the service which version it is, and note what is new."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/version", timeout=2) as answer:
                version = str(answer.read().decode())
        except OSError:
            return None
        if self.seen[-1:] != [version]:
            self.seen.append(version)
        return version

    def settled(self) -> bool:
        """Return whether no update is on its way here: the trial is over."""
        status = json.loads(self.run("status", "--json"))
        return bool(status["products"][0]["state"] == "IDLE")

    def words(self) -> str:
        """Return the host's name, and what its agent says of it."""
        return f"{self.name} ({self.run('status').splitlines()[-1]})"

    def history(self) -> list[dict[str, Any]]:
        """Return what the agent wrote down, oldest first."""
        events: list[dict[str, Any]] = json.loads(self.run("history", "--json", "--limit", "1000"))["events"]
        return events[::-1]


class Fleet:
    """All hosts."""

    def __init__(self, folder: Path, waves: Iterable[tuple[str, list[str]]]) -> None:
        self.hosts = [Host(name, wave, folder / name, Port()) for wave, names in waves for name in names]
        for host in self.hosts:
            host.folder.mkdir(parents=True)
            host.settings.write_text(SETTINGS.format(folder=host.folder, port=host.port))

    def wave(self, name: str) -> list[Host]:
        """Return the hosts of a wave."""
        return [host for host in self.hosts if host.wave == name]

    def start(self, token: str, enrolled: Callable[[int], None]) -> None:
        """Enrol every host by a token and start its agent; ``enrolled`` hears how many are, one by one."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            enrol = ("enroll", "--token", token, "--agent-id")
            for count, _ in enumerate(pool.map(lambda host: host.run(*enrol, host.name), self.hosts), 1):
                enrolled(count)
        for host in self.hosts:
            host.start()

    def look(self) -> dict[str, str | None]:
        """Ask every service for its version."""
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            return dict(zip([host.name for host in self.hosts], pool.map(Host.look, self.hosts), strict=True))

    def histories(self) -> dict[str, list[dict[str, Any]]]:
        """Return every host's history."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(Host.history, self.hosts)
            return dict(zip([host.name for host in self.hosts], found, strict=True))

    def stop(self) -> None:
        """End every agent, which ends its service."""
        running = [host.process for host in self.hosts if host.process and host.process.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            process.wait(STOP_S)


def without_proxy() -> None:
    """Loopback needs no proxy, whatever the machine is told."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
