"""A real systemd for stories: PID 1 of namespaces of its own, with the few units that it needs to boot.

It shares the network and ``/tmp`` with the test; ``/run`` and the units are its own, and ``/etc``, ``/opt``
and ``/var`` are copies that nobody else sees. It lives in a cgroup of its own: started in the machine's
root cgroup it would take the machine's processes over. Each boot has an id of its own, as a machine's has.
"""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.host import Host, eventually

PACKAGED = ROOT / "infra" / "systemd"
SYSTEMD = Path("/usr/lib/systemd/systemd")
CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
"""Where cgroup v2 is mounted: beside version 1, or alone."""
COUNT = itertools.count(1)
TARGETS = (
    *("sysinit", "sockets", "timers", "paths", "local-fs", "network", "network-online"),
    *("shutdown", "umount", "final"),
)
UNITS = {
    "basic.target": "[Unit]\nDefaultDependencies=no\nRequires=sysinit.target\nAfter=sysinit.target\n",
    "multi-user.target": "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n",
    **{f"{name}.target": "[Unit]\nDefaultDependencies=no\n" for name in TARGETS},
}
BOOT = """set -eu
cd "$1"
mount --make-rprivate /
for name in etc opt var; do
  mkdir -p "disk/$name" "work/$name"
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$1/disk/$name,workdir=$1/work/$name" "/$name"
done
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
cat /proc/sys/kernel/random/uuid >"$1/boot_id"
mount --bind "$1/boot_id" /proc/sys/kernel/random/boot_id
mkdir -p /etc/systemd/system
mount --bind "$1/units" /etc/systemd/system
mount --bind "$1/system.conf" /etc/systemd/system.conf
exec env -i container=story PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
  SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_COLOR=0 \\
  {systemd} --system --unit=multi-user.target --show-status=no --dump-core=no
"""


def skip_without_systemd() -> None:
    """Skip the test where a systemd cannot be booted."""
    if os.geteuid() != 0:
        pytest.skip("booting a systemd needs root")
    if not SYSTEMD.exists() or not shutil.which("unshare"):
        pytest.skip("there is no systemd to boot")


def may_mount() -> None:
    """Skip the test where nothing can be mounted."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("mounting needs root")


class Systemd:
    """One machine's systemd, and the disk below it; both live in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.units = folder / "units"
        self.units.mkdir(parents=True)
        for name, text in UNITS.items():
            (self.units / name).write_text(text)
        (folder / "system.conf").write_text(
            "[Manager]\nDefaultStandardOutput=null\nDefaultTimeoutStopSec=5s\n"
        )
        (folder / "boot.sh").write_text(BOOT.replace("{systemd}", str(SYSTEMD)))
        self._pid = 0

    def path(self, name: str) -> Path:
        """Return where a file below ``/etc``, ``/opt`` or ``/var`` is seen from outside."""
        return self.folder / "disk" / name.lstrip("/")

    def boot(self) -> "Systemd":
        """Start it, and wait until it has started everything."""
        above = next(place for place in CGROUPS if (place / "cgroup.procs").exists())
        self._cgroup = above / f"story-{os.getpid()}-{next(COUNT)}"
        self._cgroup.mkdir()
        spaces = ("--pid", "--fork", "--kill-child=SIGKILL", "--mount", "--uts", "--ipc", "--cgroup")
        enter = f'echo $$ >{self._cgroup}/cgroup.procs; exec "$@"'
        command = ["sh", "-c", enter, "sh", "unshare", *spaces, "sh", str(self.folder / "boot.sh")]
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                [*command, str(self.folder)], stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        eventually(self._listens, 30)
        eventually(lambda: self.ctl("is-system-running").stdout.strip() in {"running", "degraded"}, 30)
        return self

    def _listens(self) -> bool:
        assert self._process.poll() is None, (self.folder / "console.log").read_text()
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._pid = int(children[0]) if children else 0
        return bool(children) and (Path(f"/proc/{self._pid}/root") / "run/systemd/private").exists()

    def inside(self, *command: str) -> list[str]:
        """Return a command line that runs where this systemd is PID 1."""
        spaces = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
        go = ("sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(ROOT))
        return ["nsenter", "--target", str(self._pid), *spaces, "--", *go, *command]

    def ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``systemctl``."""
        command = self.inside("systemctl", *arguments)
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def show(self, unit: str, name: str) -> str:
        """Return one property of a unit."""
        return self.ctl("show", "--value", "--property", name, unit).stdout.strip()

    def outer(self, pid: int) -> int:
        """Return the machine's own number of a process, which systemd knows by another."""
        for place in self._cgroup.rglob("cgroup.procs"):
            for line in place.read_text().split():
                told = Path(f"/proc/{line}/status").read_text()
                if re.search(rf"^NSpid:.*\t{pid}$", told, re.MULTILINE):
                    return int(line)
        raise LookupError(f"no process {pid}")

    def power_cut(self) -> None:
        """End everything at once; what is on the disk stays, and another boot may follow."""
        os.kill(self._pid, signal.SIGKILL)
        self._process.wait()
        eventually(self._swept, 30)

    def _swept(self) -> bool:
        try:
            for place in sorted(self._cgroup.rglob("*/"), reverse=True):
                place.rmdir()
            self._cgroup.rmdir()
        except OSError:  # the last processes are still ending
            return False
        return True

    def close(self) -> None:
        """End it for good."""
        if self._process.poll() is None:
            self.power_cut()


class SystemdHost(Host):
    """A host whose product is a unit; every command of the agent runs where its systemd is."""

    unit = "agent.service"

    def __init__(self, folder: Path, systemd: Systemd) -> None:
        self.systemd = systemd
        super().__init__(folder, service="systemd")
        self.write_unit()

    def write_unit(self, kind: str = "simple", extra: str = "", folder: Path | None = None) -> None:
        """Install the product's unit, which restarts it at once however often it ends."""
        tree = folder or self.root / "agent" / "current"
        program = f"{tree}/bin/agent {self.port} {self.config}"
        (self.systemd.units / self.unit).write_text(
            f"[Service]\nType={kind}\nExecStart={program}\nWorkingDirectory={tree}\nRestart=always\n{extra}\n"
        )
        wanted = self.systemd.units / "multi-user.target.wants"
        wanted.mkdir(exist_ok=True)
        if not (wanted / self.unit).is_symlink():
            (wanted / self.unit).symlink_to(f"../{self.unit}")

    def write_settings(self, extra: str = "", top: str = "") -> None:
        """Write the settings file."""
        self.outside(self.settings).write_text(
            f"state = {json.dumps(str(self.state))}\nroot = {json.dumps(str(self.root))}\n{top}\n\n"
            f'[[product]]\nname = "agent"\nservice = {{ kind = "systemd", unit = "{self.unit}" }}\n'
            f"health = [{', '.join(self.health)}]\n"
            f'config = ["{self.config.parent}"]\n{extra}\n'
        )

    def outside(self, path: Path) -> Path:
        """Return where a file of the host is seen from outside."""
        return path if path.is_relative_to(self.folder) else self.systemd.path(str(path))

    def module(self, *arguments: str) -> list[str]:
        """Return a command line that runs a Python module where this host's systemd is."""
        return self.systemd.inside(*super().module(*arguments))

    @property
    def pid(self) -> int:
        """The product's process, as the machine outside numbers it."""
        inner = self.systemd.show(self.unit, "MainPID")
        return self.systemd.outer(int(inner))

    @property
    def restarts(self) -> int:
        """How often systemd has restarted the product by itself."""
        return int(self.systemd.show(self.unit, "NRestarts"))

    def power_cut(self) -> None:
        """Cut the power and boot again."""
        self.systemd.power_cut()
        self.systemd.boot()


class PackagedHost(SystemdHost):
    """A host with the agent's own units in place, and every folder where they have it."""

    def __init__(self, folder: Path, systemd: Systemd) -> None:
        super().__init__(folder, systemd)
        self.state, self.root = Path("/var/lib/tidegate"), Path("/opt/tidegate")
        self.settings, self.config = Path("/etc/tidegate/agent.toml"), Path("/etc/agent/agent.conf")
        for path in (self.settings, self.config, self.root):
            self.outside(path).parent.mkdir(parents=True, exist_ok=True)
        self.outside(self.config).write_text("colour = blue\n")
        self.write_updater()
        self.write_unit()
        self.write_settings()
        shutil.copytree(PACKAGED, systemd.units, dirs_exist_ok=True)
        # the tests may run from a checkout in somebody's home folder, or below /tmp
        seen = f"[Service]\nProtectHome=read-only\nBindReadOnlyPaths={ROOT}\n"
        self.drop_in("tidegate-.service", seen, "local-checkout")

    def write_updater(self) -> None:
        """Install the updater where its units look for it: this checkout."""
        slots = self.outside(self.root) / "tidegate-agent"
        program = slots / "versions" / "0.1.0" / "tidegate-agent"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m agent "$@"\n')
        program.chmod(0o755)
        for link in ("current", "settled"):
            (slots / link).symlink_to("versions/0.1.0")

    def drop_in(self, unit: str, text: str, name: str = "local") -> None:
        """Change a unit as an operator would."""
        folder = self.systemd.units / f"{unit}.d"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.conf").write_text(text)

    def boot(self) -> None:
        """Boot for the first time: folders are made as a package would have them made."""
        self.systemd.boot()
        for command in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "--create", "tmpfiles.d")):
            *program, kind = command
            made = self.systemd.inside(*program, str(PACKAGED / kind / "tidegate.conf"))
            subprocess.run(made, check=True)
