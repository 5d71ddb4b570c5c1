"""A host that has installed its first version, made once and copied: most stories begin where it stands."""

import shutil
import subprocess
from pathlib import Path

from tests.agent.scene import Scene, copied
from tests.support.host import Host, eventually
from tests.support.web import serving
from tests.support.workspace import Workspace

UNTOUCHED = {"agent.toml", "ctl", "etc", "etc/agent.conf"}
"""What a host's folder holds before its story begins."""


class Installed:
    """A repository with v1.0.0 and the folders of a host that runs it, made when it is first asked for."""

    def __init__(self, founded: Workspace, folder: Path) -> None:
        self._founded = founded
        self._folder = folder
        self._begins = contents(founded.base)
        self._made: Scene | None = None

    def give(self, scene: Scene) -> bool:
        """Bring a scene to where a first install ends; return False, and change nothing, if it has begun."""
        if not self._is_untouched(scene):
            return False
        made = self._made = self._made or self._make()
        shutil.rmtree(scene.repo.base)
        copied(made.repo, scene.repo.base)
        for name in ("state", "root"):
            shutil.copytree(made.host.folder / name, scene.host.folder / name, symlinks=True)
        identity = scene.host.state / "identity" / "agent.json"
        identity.write_text(identity.read_text().replace(made.web.url, scene.web.url))
        current = scene.host.root / "agent" / "current"
        subprocess.run([scene.host.folder / "ctl", "start", current], check=True)
        eventually(lambda: scene.host.runs == "1.0.0")
        return True

    def _is_untouched(self, scene: Scene) -> bool:
        host = scene.host
        return (
            type(host) is Host
            and host.settings.read_text() == host.plain
            and contents(host.folder).keys() == UNTOUCHED
            and scene.web.url.startswith("http://")
            and not scene.web.faults
            and contents(scene.repo.base) == self._begins
        )

    def _make(self) -> Scene:
        """Let a host install 1.0.0; its product and its server are gone afterwards."""
        repo = copied(self._founded, self._folder / "repo")
        host = Host(self._folder / "host")
        with serving(repo.store) as web:
            made = Scene(repo, web, host).ready()
        host.close()
        return made


def contents(folder: Path) -> dict[str, int]:
    """Return what is in a folder, with sizes, but for that of the settings, which name their own place."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {
        name: path.stat().st_size if path.is_file() and path.name != "tidegate.toml" else 0
        for name, path in found.items()
    }
