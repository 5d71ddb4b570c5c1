"""A host in the hands of chance: the real agent over a real repository, beside a model of a few lines.

Each tick runs in a forked process, so that a death is one: the process ends at some file-system call, with
no word to anybody. A clock that jumps is a repository whose signed times jump: a host compares the two.
"""

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from agent import enrolment, settings
from agent import tick as ticking
from agent.host import opened
from agent.journal import Journal
from agent.slots import Slots
from agent.states import State
from metadata.errors import TidegateError
from metadata.versions import parse, within
from tests.agent.forge import BASE, Forge
from tests.agent.scene import AGENT, WAVES, copied
from tests.fuzz.parser import scratch
from tests.fuzz.served import Served
from tests.support.workspace import CHANNEL, Workspace

VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")
"""In the order in which they were added, so that their numbers grow as they do."""
BAD = VERSIONS[2]
"""It is never well, so each of its trials is lost."""
DIED = 9
BUG = 70
CALLS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod")
"""Audit events (PEP 578) at which a process may die."""


@dataclass(frozen=True)
class View:
    """What one publication says to the host."""

    version: str = VERSIONS[0]
    recalled: str = ""
    """The range that is called back."""
    revoked: frozenset[str] = frozenset()
    braked: frozenset[str] = frozenset()

    def target(self, running: str | None, highest: int) -> str | None:
        """Return where a host comes to that hears this and nothing else, as DESIGN's table has it."""
        wanted = self.version
        if (
            wanted in self.revoked
            or wanted == running
            or (running and wanted in self.braked and not self.recalled)
        ):
            return running
        if running is None:
            return None if wanted in self.braked else wanted
        if self.recalls(running):
            return wanted
        lower = parse(wanted) < parse(running) or VERSIONS.index(wanted) + 1 < highest
        return running if lower else wanted

    def recalls(self, running: str) -> bool:
        """Return whether a version is called back."""
        return bool(self.recalled) and within(running, self.recalled)

    def forbids(self, version: str) -> bool:
        """Return whether nobody may go back to a version."""
        return version in self.revoked or self.recalls(version)


@cache
def _founded() -> Workspace:
    work = Workspace(scratch("founded") / "one").found(*WAVES)
    for version in VERSIONS:
        sick = ("--health", "exec:/bin/false") if version == BAD else ()
        work.add(version, None, "--start-s", "1", "--trial-s", "0", "--soak-s", "0", *sick)
    work.do("rollout", "start", CHANNEL, VERSIONS[0], "--strategy", "immediate")
    work.sign_and_publish()
    return work


class Life:
    """One repository, what a server gives of it, and one host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = copied(_founded(), folder / "repo")
        self.forge = Forge(self.repo)
        self.served, self.mirror = (Served(folder / name, self.repo.store) for name in ("served", "mirror"))
        self.views = [View()]
        self.seen = -1
        self.deaths = 0
        self.unknown = False
        """Whether a copy of the state was put back that knows nothing of a trial which had begun."""
        self._copy: int | None = None
        self._order()
        self.heal()
        self._enrol()

    def _enrol(self) -> None:
        config = self.folder / "agent.toml"
        config.write_text(
            f'state = "{self.folder}/state"\nroot = "{self.folder}/root"\n'
            f'[network]\nmirrors = ["file://{self.mirror.folder}"]\n'
            '[[product]]\nname = "agent"\nservice = { kind = "none" }\n'
        )
        self.settings, _ = settings.load(config)
        invitation = enrolment.by_root(f"file://{self.served.folder}", self.repo.root_file)
        enrolment.enrol(self.settings, invitation, AGENT)

    @property
    def newest(self) -> View:
        """What was published last."""
        return self.views[-1]

    def publish(self, **changes: Any) -> None:
        """Publish what is changed."""
        self.views.append(replace(self.newest, **changes))
        self._order()
        self._serve()

    def _order(self) -> None:
        """Say in signed metadata what the newest view says."""
        view, number = self.newest, len(self.views)
        revoked = [{"version": one, "reason": "it leaks"} for one in sorted(view.revoked)]
        self.forge.policy(revoked=revoked, poll_s=1)
        recall = {"from": view.recalled, "until": "2099-01-01T00:00:00Z", "reason": "it loses data"}
        changes: dict[str, Any] = {
            "recall": recall if view.recalled else None,
            "rollout": f"stable-{number:04}",
            "spread_s": 0,
        }
        self.forge.point(view.version, base=None, not_before=None, not_after=None, **changes)
        held = [{"version": one} for one in sorted(view.braked)]
        said = {
            "hold": held,
            "since": "2026-01-01T00:00:00Z",
            "by": "on-call@example.com",
            "reason": "crashes",
        }
        with self.forge.edit("agent.stable.brake") as signed:
            data = msgspec.json.encode({"format": "tidegate.brake/1", **said})
            signed.targets[f"{BASE}/brake"] = self.forge.put(f"{BASE}/brake", data)
        self._keep()

    def jump(self, by: timedelta) -> None:
        """Let the repository's time be another than the host's from here on."""
        self.forge.seal(issued_ago=-by, expires_in=timedelta(days=1) + by)
        self._keep()
        self._serve()

    def _keep(self) -> None:
        data = (self.repo.store / "metadata" / "timestamp.json").read_bytes()
        self._timestamp(len(self.views) - 1).write_bytes(data)

    def _timestamp(self, number: int) -> Path:
        return self.folder / f"{number}.timestamp.json"

    def _serve(self) -> None:
        if self.served.follows:
            self.heal()

    @property
    def given(self) -> list[int]:
        """The publications that the host can find, among them the one that it acts upon."""
        found = [place.given for place in (self.served, self.mirror)]
        return [one for one in found if one is not None and one >= self.seen]

    def heal(self) -> None:
        """Serve the newest."""
        self.served.heal(len(self.views) - 1)

    def cut(self) -> None:
        """Serve nothing."""
        self.served.cut()

    def freeze(self, back: int, *, at_mirror: bool = False) -> None:
        """Serve an older publication from here on."""
        number = max(0, len(self.views) - 1 - back)
        (self.mirror if at_mirror else self.served).freeze(number, self._timestamp(number))

    def back_up(self) -> None:
        """Copy the host's state."""
        shutil.rmtree(self.folder / "copy", ignore_errors=True)
        shutil.copytree(self.folder / "state", self.folder / "copy", symlinks=True)
        self._copy = self.seen

    def restore(self) -> None:
        """Put the copy back; what is installed stays as it is."""
        if self._copy is not None:
            self.unknown = self.running == BAD
            shutil.rmtree(self.folder / "state")
            shutil.copytree(self.folder / "copy", self.folder / "state", symlinks=True)
            self.seen = self._copy

    def forget(self) -> None:
        """Lose the TUF cache."""
        shutil.rmtree(self.folder / "state" / "tuf", ignore_errors=True)

    @property
    def running(self) -> str | None:
        """What is in place."""
        return Slots(self.folder / "root" / "agent").running()

    def tick(self, dies_at: int | None = None) -> int:
        """Run one tick in a process of its own, which may die at one of its calls; return how it ended."""
        pid = os.fork()
        if pid == 0:
            self._child(dies_at)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self.deaths += code == DIED
        return code

    def _child(self, dies_at: int | None) -> None:
        code = BUG
        with contextlib.suppress(BaseException):  # nothing of a child may go on in its parent's name
            if dies_at is not None:
                _die_at(dies_at)
            code = _ticked(self.settings)
        os._exit(code)

    def journal(self) -> tuple[State, int, str]:
        """Return the product's state, the highest number kept, and the last decision's rule."""
        journal = Journal(self.folder / "state" / "journal.db")
        try:
            decision = journal.recall("decision/agent") or {}
            highest = journal.recall("highest_seq/agent", 0)
            return journal.state("agent")[0], highest, str(decision.get("rule"))
        finally:
            journal.close()

    def whole(self, version: str) -> bool:
        """Return whether a version is on the disk as it was built."""
        here = self.folder / "root" / "agent" / "versions" / version / "bin" / "agent"
        return here.read_bytes() == (self.repo.build(version) / "bin" / "agent").read_bytes()


def _ticked(found: settings.Settings) -> int:
    try:
        with opened(found) as host:
            errors = ticking.tick(host)
    except TidegateError as error:
        return error.exit_code
    return errors[0].exit_code if errors else 0


def _die_at(number: int) -> None:
    left = [number]

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if event in CALLS:
            left[0] -= 1
            if left[0] < 0:
                os._exit(DIED)

    sys.addaudithook(hook)
