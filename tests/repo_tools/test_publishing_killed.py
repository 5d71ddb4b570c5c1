"""A publisher that is killed for good, at any call to the store."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tests.conftest import ROOT
from tests.support.workspace import Workspace

SIGKILL = -9


def ready(work: Workspace) -> Workspace:
    """Return a repository with 1.4.2 live, and 1.5.0 staged and signed."""
    work.publish_release("1.4.2")
    work.add("1.5.0")
    work.do("rollout", "start", "stable", "1.5.0", "--strategy", "immediate")
    work.do("sign", "--yes")
    return work


def version(work: Workspace) -> str:
    """Return the version that a new client is ordered to run."""
    desk = work.desk().published()
    entries = desk.tree.view("agent.stable.all").entries
    return str(next(iter(entries.values())).custom["tidegate"]["version"])


def kill(work: Workspace, calls: int) -> int:
    """Publish in a process that dies at a call; return its exit code."""
    now = (work.now or datetime.now(UTC)).isoformat()
    command = [sys.executable, "-m", "tests.support.dying", work.folder, work.keys, now, str(calls)]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, SIGKILL}, done.stderr
    return done.returncode


def finishes(work: Workspace, calls: int) -> bool:
    """Kill a publisher and publish again; return whether it was killed before its end."""
    code = kill(work, calls)
    assert version(work) in {"1.4.2", "1.5.0"}
    work.do("publish")
    assert version(work) == "1.5.0"
    assert not work.do("status")["staged"]
    return code == SIGKILL


@pytest.mark.slow
def test_a_killed_publisher_leaves_a_whole_tree_in_a_folder(tmp_path):
    """At every call: clients see the old or the new, never a mixture, and the next publish completes it."""
    kept = ready(Workspace(tmp_path / "kept").found("--wave", "all=100", "--store", "../store"))
    calls, dead = 0, True
    while dead:
        work = Workspace(shutil.copytree(kept.base, tmp_path / f"at-{calls}"))
        dead = finishes(work, calls)
        shutil.rmtree(work.base)
        calls += 1
    assert calls > 15


def test_a_killed_publisher_leaves_a_whole_tree_in_s3(bucket, as_role, tmp_path):
    """A few calls stand for all: the first writes, the middle, and just before the timestamp."""
    as_role("publisher")
    work = Workspace(tmp_path / "work").found("--store", bucket.location, "--wave", "all=100")
    ready(work)
    killed = 0
    for calls in (8, 12, 14, 16):
        killed += kill(work, calls) == SIGKILL
        assert version(work) in {"1.4.2", "1.5.0"}
    assert killed > 0
    work.do("publish")
    assert version(work) == "1.5.0"
    assert not work.do("status")["staged"]
