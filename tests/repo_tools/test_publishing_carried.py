"""What is removed, and what is carried: garbage, and bundles over an air gap."""

import os
import shutil
import tarfile
from datetime import timedelta

from repo_tools.publishing import publish
from tests.repo_tools.test_publishing_together import files
from tests.support.workspace import Workspace


def aged(work: Workspace, age: timedelta) -> None:
    """Let every published file be so old."""
    assert work.now is not None
    at = (work.now - age).timestamp()
    for path in work.store.rglob("*"):
        os.utime(path, (at, at))


def test_only_what_nobody_needs_is_removed(rolled):
    """What a killed publisher left goes, and all of history stays."""
    rolled.publish_release("1.5.0")
    before = files(rolled.store)
    left = ["metadata/.new-x", "metadata/99.agent.releases.json", "metadata/99.timestamp.json"]
    left.append("targets/releases/aa.left")
    for name in left:
        path = rolled.store / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    aged(rolled, timedelta(hours=1))
    assert list(rolled.do("gc")["removed"].values()) == [[]]
    aged(rolled, timedelta(days=2))
    said = rolled.do("gc", "--dry-run")["garbage"]
    assert [sorted(names) for names in said.values()] == [left]
    assert files(rolled.store).keys() == before.keys() | set(left)
    rolled.do("gc")
    assert files(rolled.store) == before


def test_history_is_forgotten_only_when_told(rolled):
    """Older publications go, and a new client still finds everything, from the first root on."""
    rolled.publish_release("1.5.0")
    aged(rolled, timedelta(days=2))
    rolled.now += timedelta(minutes=1)
    (removed,) = rolled.do("gc", "--forget-before", "now")["removed"].values()
    assert "metadata/1.timestamp.json" in removed
    assert not any(name.endswith(".root.json") for name in removed)
    assert publish.verify(rolled.desk()) > 0
    assert list(rolled.do("gc")["removed"].values()) == [[]]


def test_a_bundle_carries_a_repository_over_an_air_gap(rolled, tmp_path):
    """One file, verified from a root that the other side has; the next one brings what is new."""
    there, bundle = tmp_path / "there", tmp_path / "updates.tar"
    far = Workspace(tmp_path / "far", rolled.now)
    far.folder.mkdir(parents=True)
    root = shutil.copy(rolled.root_file, tmp_path / "root.json")
    arguments = ("bundle", "import", bundle, "--store", there, "--root", root)
    for version in ("1.5.0", "1.6.0"):
        rolled.publish_release(version)
        exported = rolled.do("bundle", "export", bundle)["files"]
        assert 0 < far.do(*arguments)["new"] <= exported
        assert far.do(*arguments)["new"] == 0
        assert (there / "metadata/timestamp.json").read_bytes() == (
            rolled.store / "metadata/timestamp.json"
        ).read_bytes()
    rolled.do("bundle", "export", bundle, "--history")
    with tarfile.open(bundle) as tar:
        assert tar.getnames()[-1] == "metadata/timestamp.json"
        assert set(tar.getnames()) == set(files(rolled.store))
    assert far.do(*arguments)["new"] > 0
    assert files(there) == files(rolled.store)


def test_a_bundle_that_was_changed_or_is_old_brings_nothing(rolled, tmp_path):
    """A damaged artifact, another repository's root, an earlier bundle: nothing is written."""
    there, old, bundle = tmp_path / "there", tmp_path / "old.tar", tmp_path / "updates.tar"
    rolled.do("bundle", "export", old)
    rolled.publish_release("1.5.0")
    rolled.do("bundle", "export", bundle)
    archive = next((rolled.store / "targets").rglob("*.tar.zst")).read_bytes()
    whole = bundle.read_bytes()
    bundle.write_bytes(whole.replace(archive, archive[:-1] + b"!"))
    into = ("bundle", "import", bundle, "--store", there)
    assert rolled.run(*into).exit_code == 12
    other = Workspace(tmp_path / "other", rolled.now).found()
    bundle.write_bytes(whole)
    assert rolled.run(*into, "--root", other.root_file).exit_code == 12
    assert not there.exists()
    rolled.do(*into)
    before = files(there)
    older = rolled.run("bundle", "import", old, "--store", there)
    assert older.exit_code == 15
    assert "this bundle is older than what is there" in older.stderr
    rolled.now += timedelta(days=4)
    assert rolled.run("bundle", "import", old, "--store", there).exit_code == 15, "old news is no attack"
    cut = whole[: whole.index(archive) + 1]
    for damaged in (b"no tar", cut):
        bundle.write_bytes(damaged)
        assert rolled.run(*into).exit_code == 10
    assert files(there) == before


def test_a_bundle_that_expired_on_its_way_says_that_nothing_was_published(rolled, tmp_path):
    """Whoever carried it carries a newer one over, and looks for nothing in the store."""
    there, bundle = tmp_path / "there", tmp_path / "updates.tar"
    rolled.do("bundle", "export", bundle)
    rolled.now += timedelta(days=4)
    late = rolled.run("bundle", "import", bundle, "--store", there)
    assert late.exit_code == 12
    assert f"what is in {bundle} cannot be trusted: timestamp.json is expired" in late.stderr
    assert "nothing was published: carry a bundle over that is newer" in late.stderr
    assert not there.exists()
