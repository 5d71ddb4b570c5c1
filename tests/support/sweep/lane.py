"""A host on which one point after the other is tried: prepared, spoiled, healed, and looked at."""

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from agent import control
from metadata.errors import ConflictError
from tests.agent.scene import AGENT
from tests.conftest import ROOT
from tests.support.host import Host
from tests.support.sweep.server import Server
from tests.support.sweep.story import BLUE, GREEN, NEW, OLD, VERSION_IN, Stories, Story
from tests.support.systemd import Systemd, SystemdHost, skip_without_systemd

MANAGERS = ("none", "command", "child", "systemd")
KEPT = {"control.sock", "supervisor.lock", "services.json"}
"""What belongs to a supervisor that goes on from one point to the next."""


CONTROL = """#!/bin/sh
# start, stop and status of the product; a process that has ended is gone, whoever is to reap it
alive() { grep -qs '^State:.[^ZX]' "/proc/$1/status"; }
pid=$(cat {folder}/pid 2>/dev/null)
case "$1" in
start)
  cd "$2" || exit 1
  setsid ./bin/agent {port} {config} >/dev/null 2>&1 &
  echo $! >{folder}/pid || { kill $!; exit 1; } ;;
stop)
  [ -n "$pid" ] || exit 0
  kill "$pid" 2>/dev/null
  while alive "$pid"; do sleep 0.01; done
  rm -f {folder}/pid ;;
status) [ -n "$pid" ] && alive "$pid" ;;
esac
"""


HOOK = """#!/bin/sh
# drains the host before a switch, and takes it back into service afterwards
case "$1" in
drain) touch {folder}/tmp/drained ;;
undrain) rm -f {folder}/tmp/drained ;;
esac
"""
HOOKS = """
pre_switch = { exec = ["{folder}/hook", "drain"] }
post_switch = { exec = ["{folder}/hook", "undrain"] }
"""


class Lane:
    """One host with one of the service managers."""

    def __init__(self, manager: str, folder: Path, stories: Stories) -> None:
        self.manager = manager
        self.stories = stories
        self.folder = folder
        self.host = _host(manager, folder)
        self.template = folder / "template"
        (self.host.folder / "tmp").mkdir()
        self._write_settings()
        self.boot()
        try:
            self._first_install()
        except BaseException:
            self.close()
            raise

    def boot(self) -> None:
        """Start what a host starts by itself: the supervisor, where it runs the product."""
        self.server = self._serve()
        if self.manager == "child":
            self.boot_supervisor()

    def _serve(self) -> Server:
        command = self.host.module("tests.support.sweep.server")
        environment = {**self.host.environment, "TMPDIR": str(self.host.folder / "tmp")}
        environment["PYTHONPATH"] = f"{environment['PYTHONPATH']}{os.pathsep}{ROOT}"
        return Server(command, environment, self.folder / "server.log")

    def _write_settings(self) -> None:
        facts = {
            "port": str(self.host.port),
            "config": str(self.host.config),
            "folder": str(self.host.folder),
        }
        programs = {"ctl": CONTROL, "hook": HOOK, "hooks.toml": HOOKS}
        for program, text in programs.items():
            filled = text
            for name, value in facts.items():
                filled = filled.replace(f"{{{name}}}", value)
            (self.host.folder / program).write_text(filled)
            (self.host.folder / program).chmod(0o755)
        self.host.health = []
        self.host.write_settings((self.host.folder / "hooks.toml").read_text())
        if self.manager == "none":
            lines = self.host.settings.read_text().splitlines(keepends=True)
            self.host.settings.write_text("".join(line for line in lines if not line.startswith("service")))

    def boot_supervisor(self) -> None:
        """Start a supervisor whose own ticks have nothing to do."""
        idle = self.host.folder / "idle.toml"
        idle.write_text(f'state = "{self.host.state}"\n')
        mine, self.host.settings = self.host.settings, idle
        self.host.supervise()
        self.host.settings = mine
        self.host.eventually(lambda: self._tells() is not None and not self._polls())

    def _polls(self) -> bool:
        """Whether the supervisor's own tick is at work."""
        pid = self.host.supervisor_pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return any(b"tick" in _words_of(child) for child in found)

    def _tells(self) -> dict[str, Any] | None:
        with contextlib.suppress(control.NoSupervisorError, OSError):
            return control.ask(self.host.state, {"op": "status", "service": "agent"})
        return None

    def _first_install(self) -> None:
        """Bring v0.9.0 and v1.0.0 to the host, and keep what is on its disk then."""
        url, root = self.stories.first.store.as_uri(), str(self.stories.first.root_file)
        done = self.agent("enroll", "--url", url, "--root", root, "--agent-id", AGENT)
        assert done["status"] == 0, done["err"]
        self.agent("tick")
        self.follow(self.stories.before.store)
        done = self.agent("tick")
        assert (done["status"], self.host.installed) == (0, OLD), done["err"]
        for name in ("state", "root", "etc"):
            shutil.copytree(self.host.folder / name, self.template / name, symlinks=True, ignore=_sockets)

    def agent(self, *arguments: str, **request: Any) -> dict[str, Any]:
        """Run a command of the agent, and return how it ended."""
        done: dict[str, Any] = {"status": ConflictError.exit_code}
        while done.get("status") == ConflictError.exit_code:  # the supervisor's own poll, now and then
            done = self.server.ask("--config", str(self.host.settings), *arguments, **request)
        return done

    def prepare(self, story: Story) -> None:
        """Make the host what it was with v1.0.0, and the repository that of a story."""
        self.stop()
        for name in ("state", "root", "etc", "tmp"):
            _empty(self.host.folder / name)
        for name in ("state", "root", "etc"):
            shutil.copytree(
                self.template / name,
                self.host.folder / name,
                symlinks=True,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns(*KEPT),
            )
        self.follow(story.store)
        assert self.host.config.read_text() == BLUE
        if story.name == "adopt":
            self._unmanage()
        self.start()

    def _unmanage(self) -> None:
        """Let the product be one that somebody has installed by hand."""
        product = self.host.root / "agent"
        (product / "versions" / OLD).rename(self.legacy)
        shutil.rmtree(product)
        (self.host.state / "journal.db").unlink()

    @property
    def legacy(self) -> Path:
        """Where a product is that nothing manages yet."""
        return self.host.folder / "tmp" / "legacy"

    @property
    def copy(self) -> Path:
        """Where a copy is put of what is let go."""
        return self.host.folder / "tmp" / "copy"

    def words(self, story: Story) -> list[str]:
        """Return the command that is disturbed."""
        places = {"legacy": str(self.legacy), "copy": str(self.copy)}
        return [places.get(word, word) for word in story.command]

    def heal(self, story: Story) -> dict[str, Any]:
        """Do what an operator would, for whom the command did not come to its end, and tick once more."""
        if story.name == "adopt" and self.host.installed is None:
            done = self.agent(*self.words(story))
            if done["status"] != 0:
                return done
        if story.name == "let-go":
            self.agent("adopt", "agent")
        return self.agent("tick", "--json")

    def follow(self, store: Path) -> None:
        """Let the host find another store where its repository was."""
        who = self.host.state / "identity" / "agent.json"
        identity = json.loads(who.read_bytes())
        who.write_text(json.dumps({**identity, "url": store.as_uri()}))

    def stop(self) -> None:
        """End the product, whatever runs of it."""
        if self.manager == "command":
            subprocess.run([self.host.folder / "ctl", "stop"], check=True)
        if isinstance(self.host, SystemdHost):
            self.host.systemd.ctl("stop", self.host.unit)
        if self.manager == "child":
            control.ask(self.host.state, {"op": "stop", "service": "agent"})
            self.host.eventually(lambda: not (self._tells() or {"pid": 1}).get("pid"))

    def start(self) -> None:
        """Start what is current, as the host would after a boot."""
        current = self.host.root / "agent" / "current"
        if self.host.installed is None:
            current = self.legacy
        if self.manager == "command":
            subprocess.run([self.host.folder / "ctl", "start", current], check=True)
        if isinstance(self.host, SystemdHost):
            self.host.systemd.ctl("reset-failed", self.host.unit)
            self.host.systemd.ctl("start", self.host.unit)
        if self.manager == "child":
            command = [f"{current}/bin/agent", str(self.host.port), str(self.host.config)]
            request = {"op": "start", "service": "agent", "command": command}
            control.ask(self.host.state, {**request, "folder": str(current), "stop_s": 2})

    @property
    def runs(self) -> str | None:
        """Which version runs; with files only, the one that is current."""
        if self.manager == "none":
            return self.host.installed
        with contextlib.suppress(OSError, ValueError, LookupError):
            return version_of(self.pid())
        return None

    def pid(self) -> int:
        """Return the process of the product; 0 where none is known."""
        if self.manager == "child":
            return int((self._tells() or {"pid": 0})["pid"])
        return self.host.pid

    @property
    def wanted_config(self) -> dict[str, str]:
        """What the configuration is after each version; files only, nobody writes any."""
        return {OLD: BLUE, NEW: BLUE if self.manager == "none" else GREEN}

    def close(self) -> None:
        """End everything."""
        self.server.close()
        if isinstance(self.host, SystemdHost):
            self.host.systemd.close()
            return
        with contextlib.suppress(control.NoSupervisorError):
            self.stop()
        self.host.close()


def version_of(pid: int) -> str | None:
    """Return which version of the product a process is; None for any other process."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.partition("=")[::2] for pair in pairs).get(VERSION_IN) if pid else None


def _host(manager: str, folder: Path) -> Host:
    if manager == "systemd":
        skip_without_systemd()
        return SystemdHost(folder / "disk", Systemd(folder / "systemd").boot())
    return Host(folder / "disk", service="child" if manager == "child" else "command")


def _sockets(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if Path(folder, name).is_socket()}


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name not in KEPT:
            entry.unlink()


def _words_of(pid: str) -> bytes:
    """Return a process's command line; nothing of one that has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
