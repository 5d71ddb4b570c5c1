"""Any TUF client can be an agent: two that know nothing of this code read a repository that it published."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from metadata.places import place
from tests.support import readers
from tests.support.web import Web, serving
from tests.support.workspace import HERE, Workspace

SHARES = {"canary": range(5), "early": range(5, 25), "full": range(25, 100)}
"""Percent of the fleet, as ``init`` divides it."""
VERSIONS = {"canary": "1.5.0", "early": "1.4.2", "full": "1.4.2"}


@dataclass(frozen=True)
class Published:
    """A repository in the middle of a rollout, on a web server."""

    manager: Workspace
    web: Web
    artifacts: dict[str, bytes]

    @property
    def salt(self) -> str:
        """The channel's salt, from the policy that lies in the store."""
        policy = next(self.manager.store.glob("targets/rollout/agent/stable/*.policy"))
        return str(json.loads(policy.read_bytes())["salt"])

    def member(self, wave: str) -> str:
        """Return an agent that the channel's shares put into a wave."""
        ids = (f"host-{number}" for number in range(10_000))
        return next(one for one in ids if int(place(self.salt, one)[:8], 16) * 100 >> 32 in SHARES[wave])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """1.4.2 everywhere, and 1.5.0 for the canary wave."""
    manager = Workspace(tmp_path_factory.mktemp("readers")).found()
    manager.publish_release("1.4.2")
    manager.publish_release("1.5.0", strategy="manual")
    stored = {
        path.parent.name: path.read_bytes() for path in manager.store.glob("targets/releases/**/*.tar.zst")
    }
    with serving(manager.store) as web:
        yield Published(manager, web, stored)


@pytest.fixture(params=readers.KINDS)
def read(
    request: pytest.FixtureRequest, published: Published, tmp_path: Path
) -> Callable[[str], dict[str, Any]]:
    """Ask an independent reader what the repository says to an agent."""

    def read(agent: str) -> dict[str, Any]:
        return readers.read(
            request.param, tmp_path / agent, published.web.url, published.manager.root_file, agent
        )

    return read


@pytest.mark.parametrize("wave", SHARES)
def test_an_agent_of_each_wave_finds_its_release(published: Published, read: Callable[[str], Any], wave: str):
    """The route leads to the wave's order, the order to its release, the release to the very bytes stored."""
    found = read(published.member(wave))
    assert (found["wave"], found["version"]) == (wave, VERSIONS[wave])
    assert found["agree"], "the releases role has another document than the wave role"
    stored = published.artifacts[found["version"]]
    digest = sha256(stored).hexdigest()
    path = f"releases/agent/{found['version']}/{HERE}.tar.zst"
    assert found["artifact"] == {"path": path, "listed": digest, "sha256": digest, "bytes": len(stored)}
    assert (found["route"] == "default") == (wave == "full")
