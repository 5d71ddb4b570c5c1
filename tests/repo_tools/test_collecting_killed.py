"""A collector that is killed for good, at any call."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.collection import Collection

SIGKILL = -9
STRIDE = 4
"""Every fourth call stands for those around it; each takes a second."""


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


def speak(collection: Collection) -> None:
    """Let two hosts and a stranger say something, and leave half a file."""
    for name in ("host-1", "host-2"):
        voice = collection.voice(name).join()
        voice.say(voice.report(), voice.report())
    collection.voice("stranger").say(voice.report(agent="stranger"))
    path = voice.say(voice.report())
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.slow
def test_a_killed_collector_loses_nothing_and_counts_nothing_twice(collection, tmp_path):
    """The second run dies everywhere, and after a third one everything is as if it had not."""
    speak(collection)
    collection.collect()
    before = shutil.copytree(collection.lake, tmp_path / "before")
    late = collection.voice("host-3").join()
    late.say(late.report(), late.report())
    collection.collect()
    whole = outcome(collection)
    calls, dead = 0, True
    while dead:
        restore(before, collection.lake)
        dead = kill(collection, calls) == SIGKILL
        collection.collect()
        assert outcome(collection) == whole, calls
        calls += STRIDE
    assert calls > 25


def restore(kept: Path, lake: Path) -> None:
    """Put a lake back as it was."""
    shutil.rmtree(lake)
    shutil.copytree(kept, lake)
