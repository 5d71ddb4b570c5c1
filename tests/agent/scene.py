"""A repository, its web server and one host: where most stories of the agent take place."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.agent.forge import Forge
from tests.support.host import Host, Ran
from tests.support.product import build
from tests.support.web import Web
from tests.support.workspace import CHANNEL, Workspace

AGENT = "host-1"
"""The host's id, which is counted into the first wave."""
WAVES = ("--wave", "canary=id:host-1", "--wave", "full=100", "--poll-s", "1")
QUICK = ("--start-s", "20", "--trial-s", "0")
"""Terms of a trial that is over when the product has answered."""


@dataclass
class Scene:
    """What a story has."""

    repo: Workspace
    web: Web
    host: Host
    forge: Forge = field(init=False)
    shortcut: Callable[["Scene"], bool] = lambda _: False
    """Brings it to where ``ready`` ends, if it can."""

    def __post_init__(self) -> None:
        self.forge = Forge(self.repo)

    def add(self, version: str, behaviour: str = "good", *options: str) -> None:
        """Stage a release; ``options`` come after the usual ones and win."""
        tree = build(self.repo.base / "builds", version, behaviour)
        probe = ("--probe", "bin/agent --version", "--expect", "{version}")
        self.repo.add(version, tree, *probe, *QUICK, *options)

    def release(self, version: str, behaviour: str = "good", *options: str) -> None:
        """Publish a release and order it to everybody."""
        self.add(version, behaviour, *options)
        self.order(version)

    def order(self, version: str, *options: str) -> None:
        """Order a release that was added to everybody, and publish."""
        self.repo.do("rollout", "start", CHANNEL, version, "--strategy", "immediate", *options)
        self.repo.sign_and_publish()

    def recall(self, version: str, recalled: str) -> None:
        """Call versions back."""
        self.repo.do("rollout", "recall", CHANNEL, version, "--from", recalled, "--reason", "it loses data")
        self.repo.sign_and_publish()

    def enroll(self) -> Ran:
        """Enrol the host with the repository."""
        return self.host.enroll(self.web.url, self.repo.root_file, AGENT)

    def ready(self, version: str = "1.0.0", behaviour: str = "good", *options: str) -> "Scene":
        """Bring a first version to the host."""
        if (version, behaviour, options) == ("1.0.0", "good", ()) and self.shortcut(self):
            self.web.forget()
            return self
        assert self.enroll().exit_code == 0
        self.release(version, behaviour, *options)
        done = self.host.tick()
        assert (done.exit_code, self.host.installed) == (0, version), done.stderr
        self.host.eventually(lambda: self.host.runs == version)  # a trial without probes does not wait for it
        self.web.forget()
        return self

    def artifact(self, version: str) -> Path:
        """Return where the store keeps a version's artifact."""
        (found,) = (self.repo.store / "targets" / "releases" / "agent" / version).glob("*.tar.zst")
        return found


def copied(template: Workspace, folder: Path) -> Workspace:
    """Return a copy of a workspace that was founded before."""
    shutil.copytree(template.base, folder)
    copy = Workspace(folder)
    settings = copy.folder / "tidegate.toml"
    settings.write_text(settings.read_text().replace(str(template.base), str(folder)))
    return copy
