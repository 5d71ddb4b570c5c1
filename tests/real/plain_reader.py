"""An agent in sixty lines: python-tuf's own client and the documented routes, nothing of Tidegate's.

``python plain_reader.py FOLDER URL ROOT PRODUCT/CHANNEL AGENT_ID PLATFORM [RING]`` prints one JSON document.
"""

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater, UpdaterConfig


def routes(salt: str, agent: str, ring: str) -> Iterator[str]:
    """Yield where an order may stand, the most specific place first."""
    place = sha256(f"{salt}/{agent}".encode()).hexdigest()
    own = sha256(agent.encode()).hexdigest()[:16]
    yield from (f"pick-{own}", own, *([f"ring-{ring}"] if ring else []))
    yield from (place[:digits] for digits in (4, 3, 2, 1))
    yield "default"


def download(updater: Updater, path: str) -> tuple[TargetFile, bytes]:
    """Return a target and its bytes."""
    target = updater.get_targetinfo(path)
    if target is None:
        raise LookupError(path)
    return target, Path(updater.download_target(target)).read_bytes()


def read(updater: Updater, channel: str, agent: str, platform: str, ring: str = "") -> dict[str, Any]:
    """Return what the repository says to one agent."""
    product = channel.partition("/")[0]
    policy = json.loads(download(updater, f"rollout/{channel}/policy")[1])
    places = ((route, f"rollout/{channel}/{route}") for route in routes(policy["salt"], agent, ring))
    route, path = next((route, path) for route, path in places if updater.get_targetinfo(path))
    order, body = download(updater, path)
    release = json.loads(body)
    _, same = download(updater, f"releases/{product}/{release['version']}/release.json")
    artifact = next(one["path"] for one in release["artifacts"] if one["platform"] == platform)
    listed, data = download(updater, artifact)
    found = {"path": artifact, "listed": listed.hashes["sha256"], "sha256": sha256(data).hexdigest()}
    return {
        "route": route,
        "wave": (order.custom or {})["tidegate"]["wave"],
        "version": release["version"],
        "agree": body == same,
        "artifact": {**found, "bytes": len(data)},
    }


def main() -> None:
    """Read for one agent and print what was found."""
    folder, url, root, channel, agent, platform, *ring = sys.argv[1:]
    metadata, targets = Path(folder, "metadata"), Path(folder, "targets")
    for needed in (metadata, targets):
        needed.mkdir(parents=True)
    config = UpdaterConfig(prefix_targets_with_hash=True)
    bootstrap = Path(root).read_bytes()
    where = (str(metadata), f"{url}/metadata/", str(targets), f"{url}/targets/")
    updater = Updater(*where, config=config, bootstrap=bootstrap)
    updater.refresh()
    print(json.dumps(read(updater, channel, agent, platform, *ring)))  # noqa: T201 (its result)


if __name__ == "__main__":
    main()
