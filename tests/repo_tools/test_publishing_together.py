"""Several publishers, several stores: who was first, what comes next, and what mirrors have."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from metadata.errors import ConflictError
from repo_tools.publishing import publish
from repo_tools.store import TIMESTAMP
from tests.support.workspace import Workspace


def files(folder: Path) -> dict[str, bytes]:
    """Return everything below a folder that is published."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def other(rolled, tmp_path) -> Workspace:
    """A second workspace of the same repository."""
    work = Workspace(tmp_path / "other", rolled.now)
    shutil.copytree(rolled.folder, work.folder)
    work.keys, work.store = rolled.keys, rolled.store
    (work.folder / "tidegate.toml").write_text(f'store = "{rolled.store}"\n')
    return work


def test_changes_to_different_routes_are_both_kept(rolled, other):
    """One adds a release, the other brakes: the second only publishes again, or rebases and signs."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    other.add("1.6.0")
    other.do("rollout", "start", "stable", "1.6.0")
    other.do("sign", "--yes")
    rolled.do("publish")
    assert other.run("publish").exit_code == 15
    said = other.do("publish", "--rebase")
    assert said["rebased"] == {"agent.releases": 4}
    assert {one["role"] for one in said["missing"]} == {"agent.releases", "agent.stable.canary"}
    assert other.run("publish").exit_code == 16
    other.sign_and_publish()
    listed = {one["version"]: one["seq"] for one in other.do("release", "list")}
    assert listed == {"1.4.2": 1, "1.5.0": 2, "1.6.0": 3}
    assert other.do("agents", "explain", "host-1")["order"]["version"] in {"1.4.2", "1.6.0"}
    assert [one for one in other.do("check")["findings"] if one["level"] == "error"] == []


def test_what_both_changed_is_for_people_to_decide(rolled, other):
    """Two rollouts of one wave are not mixed; nothing staged is touched."""
    for work, version in ((rolled, "1.5.0"), (other, "1.6.0")):
        work.add(version)
        work.do("rollout", "start", "stable", version)
        work.do("sign", "--yes")
    rolled.do("publish")
    before = files(other.folder / "staged")
    result = other.run("publish", "--rebase")
    assert result.exit_code == 15
    assert "agent.stable.canary: both changed what wave canary is ordered to run" in result.stderr
    assert "tidegate unstage agent.stable.canary" in result.stderr
    assert files(other.folder / "staged") == before


def test_a_promotion_does_not_go_past_a_pause_that_was_published_first(rolled, other):
    """They touch different waves, so nothing is overtaken; the pause is for the next wave all the same."""
    rolled.publish_release("1.5.0", strategy="manual")
    other.do("rollout", "promote", "stable")
    other.do("sign", "--yes")
    rolled.do("rollout", "pause", "stable", "--reason", "it crashes")
    rolled.sign_and_publish()
    result = other.run("publish")
    assert result.exit_code == 17
    assert "agent.stable.early would start stable-0002, which is paused in canary" in result.stderr
    rolled.do("rollout", "resume", "stable")
    rolled.sign_and_publish()
    assert other.do("publish")["published"].keys() == {"agent.stable.early"}


def test_who_may_sign_is_never_merged(rolled, other):
    """Two changes of keys, each right by itself, could together leave a role to nobody."""
    for work, name in ((rolled, "ours"), (other, "theirs")):
        work.do("key", "new", name, "--no-passphrase")
        work.do("key", "rotate", "agent.releases", "--old", "releases", "--new", name)
        work.do("sign", "--yes")
    rolled.do("publish")
    before = files(other.folder / "staged")
    result = other.run("publish", "--rebase")
    assert result.exit_code == 15
    assert "targets changes who may sign what" in result.stderr
    assert "tidegate unstage targets and what was staged with it" in result.stderr
    assert files(other.folder / "staged") == before


def test_what_is_public_already_is_dropped(rolled, other):
    """Both did the same: there is nothing left to publish."""
    for work in (rolled, other):
        work.do("brake", "stable", "--version", "1.4.2")
        work.do("sign", "--yes")
    rolled.do("publish")
    said = other.do("publish", "--rebase")
    assert said["rebased"] == {}
    assert said["gone"] == ["agent.stable.brake"]
    assert not other.do("status")["staged"]


def test_a_name_that_a_killed_publisher_left_is_skipped(rolled):
    """Its version was created and never listed: the conflict says so, and a rebase takes the next one."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    version = rolled.desk().tree.view("agent.releases").version
    (rolled.store / "metadata" / f"{version}.agent.releases.json").write_text("{}")
    result = rolled.run("publish")
    assert result.exit_code == 15
    assert "killed publisher" in result.stderr
    assert rolled.do("publish", "--rebase")["rebased"] == {"agent.releases": version + 1}
    rolled.sign_and_publish()


def test_a_publication_in_between_is_told(rolled, other):
    """Somebody published between reading and writing: who, and that trying again is enough."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    desk = rolled.desk()
    publication = publish.prepare(desk)
    seals = publish.sealed(desk, publication)
    other.do("brake", "stable", "--version", "1.4.2")
    other.sign_and_publish()
    with pytest.raises(ConflictError) as error:
        publish.publish(desk, publication, seals)
    assert "agent.stable.brake 2, signed by" in error.value.message
    assert "publish again" in error.value.hint
    rolled.do("publish")


def killed_at_the_end(work: Workspace) -> None:
    """Publish a release, all but the last write."""
    work.add("1.5.0")
    work.do("sign", "--yes")
    desk = work.desk()
    publication = publish.prepare(desk)
    contents = publish.everything(publication, publish.sealed(desk, publication))
    for name, content in contents.items():
        if isinstance(content, publish.Staged):
            desk.store.upload(name, content.path, content.sha256)
        elif name != TIMESTAMP:
            desk.store.create(name, content)


def served(work: Workspace) -> bytes:
    """Return the timestamp that clients see."""
    return (work.store / TIMESTAMP).read_bytes()


def test_nobody_goes_past_a_publication_that_is_being_made(rolled, other):
    """The next timestamp is signed and not public yet: others wait, and its own publisher finishes it."""
    killed_at_the_end(rolled)
    left = max(rolled.store.glob("metadata/*.timestamp.json"), key=lambda path: path.stat().st_mtime_ns)
    other.do("brake", "stable", "--reason", "crash loops")
    other.do("sign", "--yes")
    before = served(rolled)
    result = other.run("publish")
    assert (result.exit_code, served(rolled)) == (15, before)
    assert "by somebody else" in result.stderr
    rolled.do("publish")
    assert served(rolled) == left.read_bytes()
    other.do("publish")
    assert rolled.do("check")["findings"] == other.do("check")["findings"]


def test_what_was_never_public_stops_nobody_for_long(rolled, other):
    """A publisher was killed and never came back: others skip its timestamp, which no client knows."""
    killed_at_the_end(rolled)
    other.now += timedelta(minutes=11)
    for words in (("--reason", "crash loops"), ("--release",)):
        other.do("brake", "stable", *words)
        other.sign_and_publish()


def test_a_dry_run_lists_every_object(rolled):
    """Names in their order, with what caches are told, and no key is needed for it."""
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    before = files(rolled.store)
    said = rolled.do("publish", "--dry-run")["objects"]
    assert said[-1]["name"] == "metadata/timestamp.json"
    assert said[-1]["how"] == "replace"
    assert said[-1]["cache_control"] == "public, max-age=60"
    assert {one["how"] for one in said[:-1]} == {"create"}
    assert all("immutable" in one["cache_control"] for one in said[:-1])
    assert files(rolled.store) == before
    rolled.do("publish")
    assert sorted(files(rolled.store).keys() - before.keys()) == sorted(one["name"] for one in said[:-1])


def test_a_clock_that_is_far_behind_publishes_nothing(rolled):
    """History must not run backwards; a few minutes are bridged."""
    start = rolled.now
    rolled.now = start - timedelta(minutes=2)
    rolled.do("refresh")
    issued = [one for one in files(rolled.store) if one.endswith(".timestamp.json")]
    rolled.now = start - timedelta(hours=1)
    result = rolled.run("refresh")
    assert result.exit_code == 13
    assert "clock" in result.stderr
    assert [one for one in files(rolled.store) if one.endswith(".timestamp.json")] == issued


@pytest.fixture
def mirrored(rolled, tmp_path) -> Path:
    """A mirror beside the store."""
    settings = rolled.folder / "tidegate.toml"
    mirror: Path = tmp_path / "mirror"
    settings.write_text(f'mirrors = ["{mirror}"]\n{settings.read_text()}')
    return mirror


def test_mirrors_have_what_the_store_has(rolled, mirrored):
    """A new mirror gets everything, later ones what is new, and a refresh its timestamp."""
    assert rolled.do("publish")["mirrors"][str(mirrored)] > 20
    assert files(mirrored) == files(rolled.store)
    rolled.publish_release("1.5.0")
    rolled.do("refresh")
    assert files(mirrored) == files(rolled.store)
    assert rolled.do("publish")["mirrors"] == {str(mirrored): 0}


def test_a_mirror_that_does_not_answer_is_reported_and_served_later(rolled, mirrored):
    """The first store is published all the same; publishing again serves the mirror."""
    mirrored.write_text("no folder")
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    result = rolled.run("publish")
    assert result.exit_code == 11
    assert "not to a mirror" in result.stderr
    mirrored.unlink()
    rolled.do("publish")
    assert files(mirrored) == files(rolled.store)


def test_a_mirror_that_is_ahead_is_a_conflict(rolled, mirrored):
    """Somebody published there: nothing goes back."""
    rolled.do("publish")
    there = shutil.copytree(rolled.store, mirrored.parent / "kept")
    rolled.do("refresh")
    shutil.rmtree(rolled.store)
    shutil.copytree(there, rolled.store)
    before = files(mirrored)
    result = rolled.run("publish")
    assert result.exit_code == 15
    assert files(mirrored) == before
