"""A collector whose disk is full, wherever that hits it: it says so, loses nothing, and goes on with room."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from repo_tools.collect import days
from tests.support.collection import Collection

SIZE_KB = 32 << 10
ROOM_KB = (0, 8, 24, 200)
"""What is left: too little to take a load in, to keep what it brought, and to merge the files of a day."""
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system, which takes root."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_KB}k", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def test_a_full_disk_under_the_lake(collection: Collection, disk: Path):
    """Each run ends with what is full and what to do, and the next one with everything, once."""
    voice, lake, kept = collection.voice("host-1").join(), disk / "lake", disk.parent / "kept"
    for _ in range(4):
        voice.say(*(voice.report(detail=os.urandom(900).hex()) for _ in range(99)), came=YESTERDAY)
    collect = ("fleet", "collect", collection.box, "--lake", lake)
    collection.repo.do(*collect)
    shutil.copytree(lake, kept, symlinks=True)
    other = collection.voice("host-2").join()
    other.say(other.report(), came=YESTERDAY)
    for room in ROOM_KB:
        shutil.rmtree(lake)
        shutil.copytree(kept, lake, symlinks=True)
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(disk).free - room * 1024))
        done = collection.repo.run(*collect)
        assert done.exit_code == 11, (room, done.stderr)
        assert f"{lake} cannot be used: No space left on device\nhint: make room there" in done.stderr
        ballast.unlink()
        assert collection.repo.run(*collect).exit_code == 0
        said = "SELECT agent, count(*) AS reports FROM reports GROUP BY agent ORDER BY agent"
        found = collection.repo.do("fleet", "query", "--sql", said, "--lake", lake)
        assert found == [{"agent": "host-1", "reports": 397}, {"agent": "host-2", "reports": 2}], room
        assert rooms(lake) <= 3  # what was merged stays an hour; nothing half-written stays


def rooms(lake: Path) -> int:
    """Return how many folders of files a lake has."""
    return len(list((lake / days.DAYS).glob("dt=*/*")))
