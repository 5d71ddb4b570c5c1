"""The updater as a product: trees of this checkout, good ones and bad ones, and a host that runs them."""

import compileall
import contextlib
import json
import os
import py_compile
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import control, locking
from tests.agent.scene import copied
from tests.conftest import ROOT
from tests.support.host import Host, eventually
from tests.support.systemd import PackagedHost, Systemd
from tests.support.web import Web, serving
from tests.support.workspace import CHANNEL, Workspace

PRODUCT = "tidegate-agent"
BOAST = r'{\n"differences": {"tidegate-agent": []}\n}\n'
"""What a version says that finds nothing wrong."""
BEHAVIOUR = {
    "good": "",
    "crashes": "case $* in *run) exit 1 ;; esac",
    "hangs": "case $* in *run) exec sleep infinity ;; esac",
    "exits": "case $* in *run|*tick|*verify*|*status*) exit 0 ;; esac",
    "forgets": "case $* in *tick|*verify*|*status*) echo 'error: no such journal' >&2; exit 10 ;; esac",
    "unlocks": "",
    "blind": "case $* in *verify*) echo 'error: no repository is trusted' >&2; exit 12 ;; esac",
    "boasts": f"case $* in *verify*) printf '{BOAST}'; exit ;; esac",
}
"""What a version does wrong."""
SCRIPT = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
{behaviour}
PYTHONPATH="$here/lib" PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 exec {interpreter} -m agent "$@"
"""
UNLOCKS = """import os, sys, threading, time

def unlock():
    while True:
        for name in ("lock", "supervisor.lock"):
            try:
                os.unlink(f"/var/lib/tidegate/{name}")
            except OSError:
                pass
        time.sleep(0.1)

if sys.argv[-1:] == ["run"]:
    threading.Thread(target=unlock, daemon=True).start()
"""


class Trees:
    """Makes versions of the updater from this checkout, for a host that has this interpreter."""

    def __init__(self, folder: Path) -> None:
        self._library = folder
        for package in ("agent", "metadata"):
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        never = py_compile.PycInvalidationMode.UNCHECKED_HASH  # files have other times on the host
        compileall.compile_dir(folder, quiet=1, invalidation_mode=never, stripdir=str(folder))

    def build(self, tree: Path, behaviour: str = "good") -> Path:
        """Write a version of the updater to a folder and return it."""
        shutil.copytree(self._library, tree / "lib")
        if behaviour == "unlocks":
            (tree / "lib" / "sitecustomize.py").write_text(UNLOCKS)
        (tree / "version").write_text(tree.name)  # two versions of the same code are different releases
        script = SCRIPT.format(behaviour=BEHAVIOUR[behaviour], interpreter=sys.executable)
        (tree / PRODUCT).write_text(script)
        (tree / PRODUCT).chmod(0o755)
        return tree


class Bundles:
    """Copies a bundle that was built."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle

    def build(self, tree: Path, behaviour: str = "good") -> Path:
        """Write a version of the updater to a folder and return it; it does nothing wrong."""
        assert behaviour == "good"
        shutil.copytree(self._bundle, tree, symlinks=True)
        (tree / "version").write_text(tree.name)
        return tree


class UpdaterHost(PackagedHost):
    """A host whose one product is its updater, at 1.0.0, as its own units run it."""

    def __init__(self, folder: Path, systemd: Systemd, builder: Trees | Bundles) -> None:
        self.builder = builder
        super().__init__(folder, systemd)

    def write_settings(self, extra: str = "", top: str = "") -> None:
        """Write the settings file; ``extra`` goes into the product's table, ``top`` above it."""
        self.product = PRODUCT
        unit = 'service = { kind = "systemd", unit = "tidegate-agent.service", timeout_s = 20 }'
        places = f"state = {json.dumps(str(self.state))}\nroot = {json.dumps(str(self.root))}\n"
        table = f'[[product]]\nname = "{PRODUCT}"\n{unit}\n{extra}\n'
        self.outside(self.settings).write_text(f"{places}{top}\n{table}")

    def write_updater(self) -> None:
        """Install 1.0.0, as by hand."""
        slots = self.outside(self.root) / PRODUCT
        self.builder.build(slots / "versions" / "1.0.0")
        for link in ("current", "settled"):
            (slots / link).symlink_to("versions/1.0.0")

    def link(self, name: str) -> str:
        """Return the version that a link names."""
        return (self.outside(self.root) / PRODUCT / name).readlink().name

    def resident(self) -> str | None:
        """Return the version of the supervisor that answers."""
        code = (
            "import json, pathlib; from agent import control\n"
            f"print(json.dumps(control.ask(pathlib.Path('{self.state}'), {{'op': 'who'}})['version']))"
        )
        asked = self.systemd.inside(sys.executable, "-c", code)
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        found: str | None = json.loads(done.stdout) if done.returncode == 0 else None
        return found

    def told(self) -> list[tuple[str, str, str]]:
        """Return (stage, outcome, reason) of what its history says, newest first."""
        said: dict[str, Any] = json.loads(self.run("history", "--json").stdout)
        return [(event["stage"], event["outcome"], event["reason"]) for event in said["events"]]

    def story(self) -> str:
        """Return what happened here, for a test that failed."""
        log = self.outside(Path("/var/log/updater.log"))
        said = log.read_text(errors="replace")[-4_000:] if log.exists() else ""
        history = "\n".join(map(str, self.told()))
        return f"{self.run('status').stdout}\n{history}\nresident: {self.resident()}\n{said}"


class LocalUpdater(Host):
    """A host without systemd whose one product is its updater, at 1.0.0, as somebody has started it."""

    repo: Workspace
    web: Web

    def __init__(self, folder: Path, builder: Trees) -> None:
        self.builder = builder
        super().__init__(folder, product=PRODUCT)
        slots = self.root / PRODUCT
        builder.build(slots / "versions" / "1.0.0")
        for link in ("current", "settled"):
            (slots / link).symlink_to("versions/1.0.0")

    def write_settings(self, extra: str = "", top: str = "") -> None:
        """Write the settings file; ``extra`` goes into the product's table, ``top`` above it."""
        table = f'[[product]]\nname = "{PRODUCT}"\n{extra}\n'
        self.settings.write_text(f'state = "{self.state}"\nroot = "{self.root}"\n{top}\n{table}')

    def slot_command(self, link: str, *arguments: str) -> list[str]:
        """Return a command line of the updater in the slot that a link names."""
        return [str(self.root / PRODUCT / link / PRODUCT), "--config", str(self.settings), *arguments]

    def supervise(self) -> None:
        """Start the current version's ``run``."""
        with (self.folder / "supervisor.log").open("ab") as log:
            command = self.slot_command("current", "run")
            started = subprocess.Popen(
                command, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        self.supervisors.append(started)

    def close(self) -> None:
        """End everything, also a supervisor that a tick has started."""
        with contextlib.suppress(control.NoSupervisorError, OSError):
            os.kill(control.ask(self.state, {"op": "who"})["pid"], signal.SIGTERM)
        if holder := locking.holder(self.state):
            holder.end()
        super().close()


AGENT = "tidegate-agent.service"
QUICK = "[Timer]\nOnBootSec=0\nOnActiveSec=0\nOnUnitInactiveSec=1s\nAccuracySec=100ms\n"
"""A guard that looks each second."""


AS_UNITS = "[Service]\nRestartSec=0\nTimeoutStopSec=5s\nStandardError=append:/var/log/updater.log\n"


@dataclass
class Updating:
    """A repository of updaters, its web server, and a host at 1.0.0."""

    repo: Workspace
    web: Web
    host: UpdaterHost

    def order(self, version: str, behaviour: str, *terms: str) -> None:
        """Publish a version of the updater and order it to everybody."""
        tree = self.host.builder.build(self.repo.base / "builds" / version, behaviour)
        self.repo.add(version, tree, *(terms or ("--start-s", "20", "--trial-s", "0")))
        self.repo.do("rollout", "start", CHANNEL, version, "--strategy", "immediate")
        self.repo.sign_and_publish()

    def begin(self) -> None:
        """Boot, enrol and start the updater."""
        self.host.boot()
        assert self.host.enroll(self.web.url, self.repo.root_file, "host-1").exit_code == 0
        started = self.host.systemd.ctl("start", AGENT)
        assert started.returncode == 0, started.stderr
        self.wait(lambda: self.host.resident() == "1.0.0")

    def wait(self, what: Callable[[], bool]) -> None:
        """Wait until something is true; a host that does not come to it says what it did."""
        eventually(what, 120, self.host.story)

    def rests(self, version: str) -> None:
        """Wait until a version runs, is settled, and nothing is on its way."""
        self.wait(lambda: (self.host.link("current"), self.host.link("settled")) == (version, version))
        self.wait(lambda: self.host.resident() == version)
        self.wait(lambda: self.host.run("status", "--json").entry["state"] == "IDLE")

    def time_is_up(self) -> None:
        """Let the time of the open trial be over, in this boot and in the next: boxes share one."""
        watch = self.host.outside(self.host.state) / "guard" / f"{PRODUCT}.json"
        watch.write_text(json.dumps({**json.loads(watch.read_bytes()), "budget_s": 0, "until_s": 0}))


@contextlib.contextmanager
def updating(founded: Workspace, builder: Trees | Bundles, folder: Path) -> Iterator[Updating]:
    """A host whose updater runs as its unit, before its first boot; the guard is quick, and so is systemd."""
    systemd = Systemd(folder / "systemd")
    repo = copied(founded, folder / "repo")
    with serving(repo.store) as web:
        made = Updating(repo, web, UpdaterHost(folder / "host", systemd, builder))
        made.host.drop_in(AGENT, AS_UNITS)
        made.host.drop_in("tidegate-guard.timer", QUICK)
        wants = systemd.units / "multi-user.target.wants"  # a box starts no timers.target
        wants.mkdir(exist_ok=True)
        for unit in (AGENT, "tidegate-guard.timer"):
            (wants / unit).symlink_to(f"../{unit}")
        try:
            yield made
        finally:
            systemd.close()
