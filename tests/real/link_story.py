"""An update over a long thin line that breaks; ``make test-link`` tells of a large one.

It needs root: both ends have networks of their own.
"""

import os
from contextlib import closing
from pathlib import Path

from tests.agent.scene import WAVES, Scene
from tests.support.host import eventually
from tests.support.link import Weather, joined
from tests.support.path import FarHost, served
from tests.support.product import build
from tests.support.tls import Authority
from tests.support.web import Web
from tests.support.workspace import Workspace

SLOW = Weather(delay_s=0.05, loss=0.02, bytes_per_s=1_000_000)
"""8 Mbit/s, a tenth of a second there and back, and every fiftieth packet lost."""
MOST = 1.1
"""How often a byte may come; packets have headers, and lost ones come again."""
ELSE_BYTES = 200_000
"""What metadata, handshakes and questions take besides."""


PATIENCE_S = 1_800


def test_a_large_update_over_a_line_that_is_cut_three_times(tmp_path):
    """It comes whole, and what came once is not fetched again."""
    tell(tmp_path, 18_000_000, cuts=3)


def tell(folder: Path, size_bytes: int, cuts: int) -> None:
    """Tell the story."""
    authority = Authority(folder / "authority")
    repo = Workspace(folder / "repo").found(*WAVES)
    with joined(folder, SLOW) as line, closing(FarHost(folder / "host", line)) as host:
        scene = Scene(repo, Web(""), host)
        with served(folder / "path", repo.store, line, authority) as scene.web.url:
            host.write_settings(top=f'[network]\nca = "{authority.file}"\npatience_s = 6\n')
            eventually(lambda: scene.enroll().exit_code == 0)
            scene.release("1.0.0")
            eventually(lambda: _comes_to(host, "1.0.0"))  # a cache is a moment behind
            tree = build(repo.base / "builds", "1.1.0")
            (tree / "share" / "weight").write_bytes(os.urandom(size_bytes))  # which nothing makes smaller
            repo.add("1.1.0", tree, "--start-s", "20", "--trial-s", "0")
            scene.order("1.1.0")
            _update(host, scene.artifact("1.1.0").stat().st_size, cuts)


def _update(host: FarHost, size_bytes: int, cuts: int) -> None:
    """Let the host update, over a line that is cut now and then until the tick has given up."""
    line, before = host.line, host.line.came_bytes
    for number in range(cuts):
        part = size_bytes * (number + 1) // (cuts + 1)
        eventually(lambda at=before + part: _cut_off(host, at), limit_s=PATIENCE_S)  # type: ignore[misc]
        assert (host.installed, _fetched(host) > 0) == ("1.0.0", True)
    eventually(lambda: _comes_to(host, "1.1.0"), limit_s=PATIENCE_S)
    assert line.came_bytes - before <= MOST * size_bytes + ELSE_BYTES


def _cut_off(host: FarHost, at_bytes: int) -> bool:
    """Run a tick, cut it off when the host has received so much, and return whether it has."""
    host.line.cut(at_bytes)
    host.tick()
    host.line.mend()
    return host.line.came_bytes >= at_bytes


def _comes_to(host: FarHost, version: str) -> bool:
    return host.tick().exit_code == 0 and host.installed == version


def _fetched(host: FarHost) -> int:
    return sum(path.stat().st_size for path in (host.state / "downloads").rglob("*.zst"))
