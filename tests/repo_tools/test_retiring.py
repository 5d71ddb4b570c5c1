"""Releases retire: the list gets shorter, and nobody misses them."""

import os
from datetime import timedelta

import pytest

from repo_tools.publishing import publish
from tests.agent.forge import Forge
from tests.support.audits import found
from tests.support.disasters import RELEASES
from tests.support.workspace import Workspace


@pytest.fixture
def moved(rolled: Workspace) -> Workspace:
    """A repository in which everybody is to run 1.6.0; 1.4.2 and 1.5.0 are history."""
    for version in ("1.5.0", "1.6.0"):
        rolled.publish_release(version)
        rolled.promote()
    return rolled


def versions(work: Workspace) -> set[str]:
    """Return the versions that are listed."""
    return {item["version"] for item in work.do("release", "list")}


def test_what_nobody_needs_is_listed_no_more(moved):
    """Clients, old and new, find what they are ordered to run; history is as it was, and audits hold."""
    assert moved.do("release", "retire", "1.4.2", "1.5.0") == {"retired": ["1.4.2", "1.5.0"], "left": 1}
    moved.sign_and_publish()
    assert versions(moved) == {"1.6.0"}
    assert publish.verify(moved.desk()) > 0
    assert moved.do("check")["findings"] == [
        one for one in moved.do("check")["findings"] if one["rule"] == "thresholds"
    ]
    assert found(moved) == {}
    assert moved.desk().tree.view(RELEASES).highest_seq == 3


def test_a_recall_to_what_is_to_retire_says_so(moved):
    """It is public and usable until that is published: whoever needs it takes the retirement back."""
    moved.do("release", "retire", "1.5.0")
    back = ("rollout", "recall", "stable", "1.5.0", "--from", "==1.6.0")
    refused = moved.run(*back)
    assert (refused.exit_code, "the retirement of 1.5.0 is staged" in refused.stderr) == (13, True)
    moved.do("unstage", "agent.releases")
    moved.do(*back)


def test_a_host_that_still_runs_it_goes_on(moved):
    """It is not called back: it goes on to what is ordered, from wherever it is."""
    moved.do("release", "retire", "1.4.2")
    moved.sign_and_publish()
    told = moved.do("agents", "explain", "host-1", "--platform", "linux-x86_64", "--running", "1.4.2")
    assert (told["decision"]["action"], told["decision"]["version"]) == ("update", "1.6.0")


def test_its_files_are_removed_with_its_history(moved):
    """As long as history names them they stay; once that is forgotten, nothing holds them."""
    moved.do("release", "retire", "1.4.2")
    moved.sign_and_publish()
    moved.now += timedelta(days=400)
    for path in moved.store.rglob("*"):
        os.utime(path, (0, 0))  # old by every clock
    stored = {path.name for path in (moved.store / "targets/releases/agent/1.4.2").iterdir()}
    moved.do("gc")
    assert {path.name for path in (moved.store / "targets/releases/agent/1.4.2").iterdir()} == stored
    (removed,) = moved.do("gc", "--forget-before", "now")["removed"].values()
    assert {name.rpartition("/")[2] for name in removed if "/1.4.2/" in name} == stored
    assert not any("/1.6.0/" in name for name in removed)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.6.0", "stable-0003 orders it in agent.stable.canary"),
        ("9.9.9", "there is no release 9.9.9"),
        ("9.9.9", "hint: tidegate release list shows what is there"),
        ("1.6.0", "hint: order something else first\n"),
        ("1.7.0", "is only staged"),
    ],
)
def test_what_is_needed_or_not_there_stays(moved, version, said):
    """Nothing is staged, and the reason says who needs it."""
    moved.add("1.7.0")
    before = moved.do("status")["staged"]
    result = moved.run("release", "retire", "1.5.0", version)
    assert result.exit_code == 13
    assert said in result.stderr
    assert "at once" not in result.stderr
    assert moved.do("status")["staged"] == before


def test_a_base_a_way_and_a_recall_keep_their_releases(rolled):
    """The least that hosts run, what leads to a later release, and where a recall leads."""
    rolled.publish_release("1.5.0", None, "--requires", ">=1.4.2", "--via", "1.4.2")
    refused = rolled.run("release", "retire", "1.4.2")
    assert refused.exit_code == 13
    assert "it is the base in agent.stable.canary" in refused.stderr
    rolled.promote()
    way = rolled.run("release", "retire", "1.4.2").stderr
    assert "hosts reach 1.5.0 through it" in way
    assert "retire what hosts reach through it in the same command" in way
    rolled.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0")
    rolled.sign_and_publish()
    assert (
        "stable-0003 recalls to it in agent.stable.canary" in rolled.run("release", "retire", "1.4.2").stderr
    )


def test_a_selection_keeps_its_release_until_it_ends(moved):
    """A batch that was picked by name reads its own order."""
    Forge(moved).select("host-1", "1.5.0", not_after=f"{moved.now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}")
    refused = moved.run("release", "retire", "1.5.0")
    assert "batch-1 orders it in agent.stable.selected" in refused.stderr
    moved.now += timedelta(hours=2)
    assert moved.do("release", "retire", "1.5.0")["retired"] == ["1.5.0"]


def test_a_retired_version_never_comes_back_as_something_else(moved):
    """Whoever installed it remembers its digest."""
    moved.do("release", "retire", "1.4.2")
    for said in ("1.4.2 is published already", "1.4.2 was published, and retired"):
        result = moved.run("release", "add", "1.4.2", moved.build("1.4.2"), "--platform", "linux-x86_64")
        assert result.exit_code == 2
        assert said in result.stderr
        if moved.do("status")["staged"]:
            moved.sign_and_publish()


def test_two_who_retire_at_once_both_do(moved, tmp_path):
    """Each retires another release; the second is prepared again on what the first published."""
    other = Workspace(tmp_path / "other", moved.now)
    other.keys, other.store = moved.keys, moved.store
    other.folder.parent.mkdir(parents=True, exist_ok=True)
    (other.folder).mkdir()
    settings = (moved.folder / "tidegate.toml").read_text().replace('"../store"', f'"{moved.store}"')
    (other.folder / "tidegate.toml").write_text(settings)
    (other.folder / "root.json").write_bytes(moved.root_file.read_bytes())
    other.do("release", "retire", "1.5.0")
    moved.do("release", "retire", "1.4.2")
    moved.sign_and_publish()
    other.do("publish", "--rebase")
    other.sign_and_publish()
    assert versions(moved) == {"1.6.0"}
    assert set(moved.desk().tree.view(RELEASES).retired) == {"1.4.2", "1.5.0"}
