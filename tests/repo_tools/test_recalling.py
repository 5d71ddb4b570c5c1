"""What hosts said is told before a recall is signed."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.chorus import BACK, WELL
from tests.support.collection import Collection
from tests.support.wave import Underway
from tests.support.workspace import Workspace


@pytest.fixture
def rollout(real_time, tmp_path):
    """1.5.0 is well in canary, since yesterday."""
    repo = Workspace(shutil.copytree(real_time, tmp_path / "place"))
    (tmp_path / "box").mkdir()
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    return Underway(Collection(repo, tmp_path / "box"), start)


def test_a_recall_that_reaches_nobody_or_leads_to_what_failed_is_doubted(rollout):
    """The disaster: in a hurry a fleet is sent back to the version that its hosts gave up before."""
    names = rollout.join("canary", 4)
    rollout.tell(names[:3], *WELL, running="1.5.0")
    rollout.tell(names[3:], *BACK, running="1.4.2")
    rollout.tally()
    back = ("rollout", "recall", "stable", "--dry-run")
    said = rollout.repo.run(*back, "1.4.2", "--from", "==1.5.0").stderr
    assert ("said last that it runs" in said, "failed on" in said) == (False, False)
    said = rollout.repo.run(*back, "1.4.2", "--from", "==1.5.0", "--wave", "full").stderr
    assert "said last that it runs" not in said
    rollout.repo.add("1.6.0")
    rollout.repo.do("rollout", "start", "stable", "1.6.0", "--strategy", "immediate")
    rollout.repo.sign_and_publish()
    said = rollout.repo.run(*back, "1.5.0", "--from", "==1.6.0").stderr
    assert "none of 4 hosts said last that it runs ==1.6.0" in said
    assert "1.5.0 failed on 1 host, and runs on 3; is it the way back?" in said


def test_a_damaged_lake_stops_no_recall(rollout):
    """What hosts said helps a person; a recall needs none of it."""
    rollout.join("canary", 1)
    rollout.tally()
    for path in rollout.repo.folder.glob("lake/reports/*/*.parquet"):
        path.write_bytes(b"no table")
    result = rollout.repo.run("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--dry-run")
    assert (result.exit_code, "what hosts run is not known" in result.stderr) == (0, True)
