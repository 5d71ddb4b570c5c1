"""A recovery of the online key whose publisher was killed: between root and timestamp no other can begin."""

import shutil
from pathlib import Path

import pytest

from tests.repo_tools.test_publishing import killed
from tests.support.workspace import Workspace


@pytest.mark.parametrize("thief", [False, True], ids=["lost", "stolen"])
def test_a_recovery_whose_publisher_was_killed_is_finished(stage, tmp_path, thief):
    """Killed at any write, the workspace can still be read, and the same command completes the recovery."""
    good = ("--good", f"timestamp={stage.forge.version('timestamp')}") if thief else ()
    if thief:
        stage.run_away(10_000)
    stage.key("fresh")
    stage.work.do("key", "revoke", "online", "--compromised", "--new", "fresh", *good)
    stage.work.do("sign", "--yes")
    shutil.copytree(stage.work.base, tmp_path / "kept", symlinks=True)
    writes, codes = 0, set()
    while killed(stage.work, writes):
        codes.add(elsewhere(stage.work, tmp_path))
        assert stage.work.do("status")["staged"]
        stage.work.do("publish")
        assert not stage.work.do("status")["staged"]
        stage.work.do("refresh")
        writes += 1
        shutil.rmtree(stage.work.base)
        shutil.copytree(tmp_path / "kept", stage.work.base, symlinks=True)
    assert (writes > 3, codes) == (True, {0, 12})
    stage.work.do("publish")
    stage.everybody_is_well()


def elsewhere(work: Workspace, folder: Path) -> int:
    """Return how status ends for somebody who prepared nothing; a failure says who can go on."""
    shutil.rmtree(folder / "theirs", ignore_errors=True)
    theirs = Workspace(folder / "theirs")
    shutil.copytree(work.base, theirs.base, symlinks=True)
    shutil.rmtree(theirs.folder / "staged")
    found = theirs.run("status")
    assert found.exit_code == 0 or "runs tidegate publish again" in found.stderr
    return found.exit_code
