"""A fleet of real agents on one machine: each enrols by token, ticks as a process, and reports to nginx."""

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from metadata import places
from repo_tools.rollouts.state import read_state
from tests.support.host import eventually
from tests.support.machine import Machine
from tests.support.nginx import KEY, DropBox, dropping
from tests.support.web import Web, serving
from tests.support.workspace import CHANNEL, HERE, Workspace

T = TypeVar("T")
AT_ONCE = 4
"""Agents at work at the same moment."""
GOOD, NEXT = "1.0.0", "1.1.0"
SHARES = {"canary": 25, "early": 50, "full": 100}
"""Cumulative, in percent."""


class Member(Machine):
    """One host of the fleet, with files only; told to, it is unwell with the next version."""

    def __init__(self, folder: Path, name: str = "") -> None:
        self.name = name
        self.unwell = False
        super().__init__(folder)

    def write_settings(self, extra: str = "", top: str = "") -> None:
        """Write the settings file, whose own probe asks which version is in place."""
        bad = NEXT if self.unwell else "none"
        probe = f'test "$(cat {{current}}/VERSION)" != {bad}'
        command = f"exec = ['/bin/sh', '-c', '{probe}']"
        self.settings.write_text(
            f'state = "{self.state}"\nroot = "{self.root}"\n{top}\n\n[[product]]\nname = "{self.product}"\n'
            f"health = [{{ {command}, interval_s = 1 }}]\n{extra}\n"
        )

    def sicken(self) -> None:
        """Let the next version fail here, and no other."""
        self.unwell = True
        self.write_settings()


class Fleet:
    """Hosts, their repository, and their drop box."""

    def __init__(self, folder: Path, web: Web, box: DropBox, repo: Workspace) -> None:
        self.folder = folder
        self.web = web
        self.box = box
        self.repo = repo
        self.members: list[Member] = []
        self.gone: set[str] = set()
        """Hosts that lost their power."""

    def build(self, version: str, trial_s: int = 5) -> None:
        """Stage a release: one file that says which it is."""
        tree = self.folder / "builds" / version
        tree.mkdir(parents=True)
        (tree / "VERSION").write_text(version)
        terms = ("--start-s", "8", "--trial-s", str(trial_s), "--soak-s", "1")
        self.repo.do("release", "add", version, tree, "--platform", HERE, *terms)

    def order(self, *words: str) -> None:
        """Change the rollout, sign and publish."""
        self.repo.do("rollout", *words)
        self.repo.sign_and_publish()

    def wave_of(self, name: str) -> str:
        """Return the wave that a host is in, by the digits of its place."""
        desk = self.repo.desk().published()
        salt = read_state(desk, desk.only_channel()).policy.salt
        here = int(places.place(salt, name)[:3], 16)
        return next(wave for wave, share in SHARES.items() if here < places.share(str(share)))

    def names(self, wanted: dict[str, int]) -> list[str]:
        """Return ids of hosts, so many in each wave."""
        left = Counter(wanted)
        found = []
        for number in range(100_000):
            wave = self.wave_of(name := f"host-{number:02}")
            if left[wave] > 0:
                left[wave] -= 1
                found.append(name)
            if not left.total():
                break
        return found

    def enrol(self, names: Iterable[str]) -> None:
        """Enrol hosts, all by one token that allows so many and no more."""
        self.members = [Member(self.folder / name, name) for name in names]
        header = ("--header", f"X-Reports-Key: {KEY}", "--uses", str(len(self.members)))
        token = self.repo.do("fleet", "token", "--url", self.web.url, *header)["token"]

        def paste(member: Member) -> None:
            done = member.run("enroll", "--token", token, "--agent-id", member.name)
            assert done.exit_code == 0, done.stderr

        self.all(paste, self.members)

    def tick(self, members: Sequence[Member]) -> None:
        """Let hosts poll, those that still have power."""

        def poll(member: Member) -> None:
            done = member.tick()
            assert done.exit_code == 0, done.stderr

        self.all(poll, [member for member in members if member.name not in self.gone])

    def soak(self, members: Iterable[Member]) -> None:
        """Let hosts poll until the soak of what they run is over."""
        waiting = "SELECT 1 FROM memory WHERE key = 'soak/agent'"

        def poll(member: Member) -> None:
            member.eventually(lambda: member.tick().exit_code == 0 and not member.query(waiting))

        self.all(poll, [member for member in members if member.name not in self.gone])

    def all(self, work: Callable[[Member], T], members: Iterable[Member]) -> list[T]:
        """Do something on many hosts, some at once; return what came of it."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(work, members))

    def cut_power(self, member: Member) -> None:
        """Let a host begin its trial, say so, and never come back."""
        before = len(self.dropped(member))
        process = member.begin("tick")
        try:
            eventually(lambda: len(self.dropped(member)) > before or process.poll() is not None)
            assert process.poll() is None, process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self.gone.add(member.name)

    def dropped(self, member: Member) -> list[Path]:
        """Return what a host has put into the box."""
        return [file for file in self.box.files if file.parent.name == member.name]

    def collect(self) -> Any:
        """Run the collector."""
        return self.repo.do("fleet", "collect", self.box.folder)

    def query(self, name: str) -> list[dict[str, Any]]:
        """Ask what was collected."""
        found: list[dict[str, Any]] = self.repo.do("fleet", "query", name)
        return found

    def close(self) -> None:
        """End what the hosts started."""
        for member in self.members:
            member.close()


@contextmanager
def gathered(folder: Path) -> Iterator[Fleet]:
    """Found a repository with a drop box, for a fleet that is still empty."""
    waves = [part for wave, share in SHARES.items() for part in ("--wave", f"{wave}={share}")]
    repo = Workspace(folder / "repo").found(*waves, "--poll-s", "1")
    with dropping(folder / "nginx") as box, serving(repo.store) as web:
        repo.do("fleet", "reports", CHANNEL, "--url", box.url, "--heartbeat", "1d")
        fleet = Fleet(folder / "hosts", web, box, repo)
        try:
            yield fleet
        finally:
            fleet.close()
