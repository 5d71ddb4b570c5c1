"""Check every copy of a repository: stores that are kept the same, and whatever answers at a URL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from repo_tools.store import FolderStore
from tests.agent.forge import Forge
from tests.support.web import Web, answer, serving
from tests.support.workspace import Workspace

PAGE = b"<!doctype html><title>Welcome</title>"


@pytest.fixture
def mirror(rolled: Workspace, tmp_path: Path) -> Path:
    """A mirror that has everything."""
    folder = Path(shutil.copytree(rolled.store, tmp_path / "mirror"))
    settings = rolled.folder / "tidegate.toml"
    settings.write_text(f'mirrors = ["{folder}"]\n{settings.read_text()}')
    return folder


@pytest.fixture
def web(rolled: Workspace) -> Iterator[Web]:
    """The repository as everybody can read it."""
    with serving(rolled.store) as web:
        yield web


def said(work: Workspace) -> list[tuple[str, str]]:
    """Return what a check says about mirrors: level and text."""
    found = work.run("--json", "check").json["findings"]
    return [(one["level"], one["text"]) for one in found if one["rule"] == "mirrors"]


def test_a_mirror_that_has_everything_is_not_mentioned(rolled, mirror):
    """Every role and every file of it was compared."""
    assert said(rolled) == []
    assert rolled.run("check").exit_code == 0


def test_a_mirror_that_lags_is_a_warning(rolled, mirror):
    """Its clients see nothing new; publishing brings it what it lacks."""
    forge = Forge(rolled)
    forge.seal()
    assert said(rolled) == [("warning", f"the mirror {mirror} serves timestamp 3, and 4 is live")]
    rolled.do("publish")
    assert said(rolled) == []
    shutil.rmtree(mirror)
    mirror.mkdir()
    assert said(rolled) == [("warning", f"the mirror {mirror} serves nothing yet, and 4 is live")]


def test_a_mirror_of_another_repository_is_an_error(rolled, mirror, tmp_path):
    """Whoever founded that one is not who is trusted here; a publication does not wait for it."""
    other = Workspace(tmp_path / "other", rolled.now).found()
    shutil.rmtree(mirror)
    shutil.copytree(other.store, mirror)
    ((level, text),) = said(rolled)
    assert level == "error"
    assert text.startswith(f"the mirror {mirror} is not this repository: published timestamp")
    rolled.add("1.5.0")
    rolled.do("sign", "--yes")
    assert "not to a mirror" in rolled.run("publish").stderr


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("metadata/*.agent.stable.early.json", "agent.stable.early.json is listed but missing"),
        ("targets/releases/agent/1.4.2/*.tar.zst", "agent.releases lists 1 file that is not there"),
    ],
)
def test_a_mirror_with_holes_is_an_error(rolled, mirror, lost, words):
    """Its timestamp is the right one, and what it names is not there."""
    for path in mirror.glob(lost):
        path.unlink()
    ((level, text),) = said(rolled)
    assert level == "error"
    assert words in text


def test_a_mix_of_two_states_is_an_error(rolled, mirror):
    """A role of yesterday under the name of today."""
    (today,) = mirror.glob("metadata/2.agent.releases.json")
    today.write_bytes((mirror / "metadata" / "1.agent.releases.json").read_bytes())
    ((level, text),) = said(rolled)
    assert level == "error"
    assert "is not what was published: metadata/2.agent.releases.json" in text


def test_one_number_with_two_contents_is_an_error(rolled, mirror, tmp_path):
    """Somebody with the online key says one thing here, and another thing there."""
    twin = Workspace(tmp_path / "twin", rolled.now)
    twin.store, twin.keys = mirror, rolled.keys
    Forge(rolled).seal()
    with Forge(twin).edit("agent.stable.canary") as signed:
        signed.targets.popitem()
    texts = [text.rpartition(": ")[2] for level, text in said(rolled) if level == "error"]
    assert "its timestamp 4 is another one" in texts
    assert rolled.run("check").exit_code == 17


def test_a_mirror_that_does_not_answer_is_a_warning(rolled, mirror):
    """Nothing is known about it, and nobody is stopped."""
    shutil.rmtree(mirror)
    mirror.write_text("a file")
    ((level, text),) = said(rolled)
    assert level == "warning"
    assert "cannot be compared" in text


def test_a_server_with_a_page_for_everything_is_called_one(rolled, web):
    """It answers 200 to whatever it is asked, also to the next root that nobody made."""
    known = ("--url", web.url, "--root", rolled.root_file)
    web.faults[".json"] = answer(200, PAGE)
    for command in (("check", *known), ("audit", web.url, *known[2:])):
        result = rolled.run(*command)
        assert result.exit_code == 10
        assert "2.root.json is a web page, and no metadata" in result.stderr
        assert "must answer 404" in result.stderr


def test_pages_in_the_place_of_files_have_another_length(rolled, web):
    """Metadata is served as it should be, and artifacts are a page that says sorry."""
    web.faults[".tar.zst"] = answer(200, PAGE)
    result = rolled.run("--json", "check", "--url", web.url, "--root", rolled.root_file)
    assert result.exit_code == 17
    (text,) = [one["text"] for one in result.json["findings"] if one["rule"] == "files"]
    assert f"({len(PAGE)} bytes instead of " in text


def test_files_are_asked_for_and_not_read(rolled, web):
    """A monitoring job looks at every artifact each time, and downloads none."""
    known = ("--url", web.url, "--root", rolled.root_file)
    assert rolled.run("check", *known).exit_code == 0
    assert web.asked(".tar.zst") == 0
    assert any(path.endswith(".tar.zst") for path in web.heads)
    assert rolled.run("check", *known, "--files").exit_code == 0
    assert web.asked(".tar.zst") == 1


def test_a_server_that_answers_get_alone_is_read(rolled, web):
    """What it does not say without sending the file is counted."""
    web.heads_allowed = False
    known = ("--url", web.url, "--root", rolled.root_file)
    assert rolled.run("check", *known).exit_code == 0
    assert web.asked(".tar.zst") == 1


def test_a_folder_says_how_long_its_files_are(rolled):
    """What is not there has no length."""
    store = FolderStore("store", rolled.store)
    assert store.size_bytes("metadata/timestamp.json") == len(store.read("metadata/timestamp.json") or b"")
    assert store.size_bytes("metadata/nothing.json") is None


def test_a_bucket_says_how_long_its_objects_are(begun_in_bucket, bucket):
    """Every object is looked at there, too, with the rights of who publishes."""
    assert begun_in_bucket.run("check").exit_code == 0
    assert begun_in_bucket.run("check", "--files").exit_code == 0
    lost = next(key for key in bucket.names() if key.endswith(".policy"))
    bucket.server.client().delete_object(Bucket=bucket.name, Key=lost)
    result = begun_in_bucket.run("--json", "check")
    (text,) = [one["text"] for one in result.json["findings"] if one["rule"] == "files"]
    assert text == "agent.stable lists 1 file that is not there: rollout/agent/stable/policy"


@pytest.fixture
def begun_in_bucket(bucket, as_role, tmp_path) -> Workspace:
    """A repository that is published to a bucket, on a machine that remembers nothing."""
    as_role("publisher")
    work = Workspace(tmp_path / "place")
    usual = ("--product", "agent", "--store", bucket.location, "--solo", "--no-passphrase")
    work.do("init", work.folder, *usual)
    work.do("publish")
    shutil.rmtree(work.folder / ".cache")
    return work
