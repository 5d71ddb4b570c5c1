"""A collector that is killed for good, at any call."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.collection import Collection

SIGKILL = -9
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
STRIDE = 5
"""Every fifth call stands for those around it; each takes a second."""


def kill(collection: Collection, calls: int) -> int:
    """Collect in a process that dies at a call; return its exit code."""
    command = [sys.executable, "-m", "tests.support.dying_collector", collection.repo.folder]
    command += [collection.repo.keys, collection.box, calls]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in {0, SIGKILL}, done.stderr
    return done.returncode


def outcome(collection: Collection) -> tuple[list[Any], list[Any]]:
    """Return what is in the lake, and what was set aside."""
    return collection.rows("agent, seq, stage, wave"), collection.asides()


def files(collection: Collection) -> int:
    """Return how many files the lake has."""
    return len(list(collection.lake.glob("reports/dt=*/*.parquet")))


def speak(collection: Collection) -> None:
    """Let two hosts and a stranger say something, and leave half a file."""
    for name in ("host-1", "host-2"):
        voice = collection.voice(name).join()
        voice.say(voice.report(), voice.report(), came=YESTERDAY)
    collection.voice("stranger").say(voice.report(agent="stranger"))
    path = voice.say(voice.report())
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.slow
def test_a_killed_collector_loses_nothing_and_counts_nothing_twice(collection, tmp_path):
    """The second run dies everywhere; no reader sees a report twice, and a third run mends everything."""
    speak(collection)
    collection.collect()
    least = len(collection.rows())
    before = shutil.copytree(collection.lake, tmp_path / "before", symlinks=True)
    late = collection.voice("host-3").join()
    late.say(late.report(), late.report(), came=YESTERDAY)
    collection.collect()
    whole, merged = outcome(collection), files(collection)
    calls, dead = 0, True
    while dead:
        restore(before, collection.lake)
        dead = kill(collection, calls) == SIGKILL
        left = collection.rows()
        assert len(set(left)) == len(left) >= least, calls
        collection.collect()
        assert (outcome(collection), files(collection)) == (whole, merged), calls
        calls += STRIDE
    assert calls > 40


def restore(kept: Path, lake: Path) -> None:
    """Put a lake back as it was."""
    shutil.rmtree(lake)
    shutil.copytree(kept, lake, symlinks=True)
