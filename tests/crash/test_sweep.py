"""A sample of ``make test-crash``: ticks are killed, cut off or refused by the disk, where the lot falls."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from tests.support.sweep.lane import MANAGERS
from tests.support.sweep.power import Disk, PoweredLane, fast_folder, skip_without_disks
from tests.support.sweep.story import Stories, tell
from tests.support.sweep.sweep import Tried, run, sample
from tests.support.systemd import skip_without_systemd

SEED = os.environ.get("SWEEP_SEED") or str(secrets.randbelow(1_000_000))
EACH = 9
"""Points for each story of each manager: 108 in all."""


@pytest.fixture(scope="module")
def sweeps() -> Iterator[dict[str, "Future[list[Tried]]"]]:
    """What came of the points of each manager; all of them are at work at once, since ticks mostly wait."""
    skip_without_disks()
    skip_without_systemd()
    with fast_folder() as folder, ThreadPoolExecutor(len(MANAGERS)) as pool:
        stories = tell(folder / "repositories")
        yield {manager: pool.submit(sweep, manager, folder / manager, stories) for manager in MANAGERS}


def sweep(manager: str, folder: Path, stories: Stories) -> list[Tried]:
    """Try some points of each story on one host."""
    with contextlib.closing(PoweredLane(manager, folder, stories)) as lane:
        return [
            one
            for story in stories.of(manager)
            for one in run([lane], sample(lane, story, EACH, Random(f"{SEED} {manager} {story.name}")))
        ]


@pytest.mark.parametrize("manager", MANAGERS)
def test_whatever_interrupts_a_tick_the_next_one_finishes_or_goes_back(sweeps, manager):
    """The product is whole at any moment; after the next tick it runs, and the journal tells the truth."""
    tried = sweeps[manager].result()
    wrong = [(str(one.point), *one.wrong) for one in tried if one.wrong]
    assert wrong == [], f"of {len(tried)} points; SWEEP_SEED={SEED} draws them again"


def test_a_hundred_points_were_tried(sweeps):
    """Fewer would be no sample."""
    assert sum(len(sweep.result()) for sweep in sweeps.values()) >= 100


def test_a_disk_forgets_what_was_not_made_to_last(tmp_path):
    """The sweep's own power cut loses a file that was only written, and keeps one that was synced."""
    skip_without_disks()
    disk = Disk(tmp_path / "disk.img", tmp_path / "disk")
    try:
        (disk.place / "kept").write_text("kept")
        disk.sync()
        (disk.place / "lost").write_text("lost")
        disk.swap(disk.copy(tmp_path / "cut.img"))
        assert [path.name for path in disk.place.iterdir() if path.is_file()] == ["kept"]
    finally:
        disk.unmount()
