"""Publishing to S3: the same stories, with a publisher's rights and no other."""

import json
import shutil

import pytest

from repo_tools.store import TIMESTAMP
from tests.support.workspace import Workspace


@pytest.fixture
def online(bucket, as_role, tmp_path) -> Workspace:
    """A repository that lives in a bucket."""
    as_role("publisher")
    work = Workspace(tmp_path / "online")
    return work.found("--store", bucket.location, "--wave", "all=100")


def test_a_release_goes_all_the_way(online, bucket, as_role):
    """From an artifact to what agents read, in a bucket; every object has its headers."""
    online.publish_release("1.5.0")
    as_role("reader")
    said = online.desk().store.read(TIMESTAMP)
    assert said is not None
    version = json.loads(said)["signed"]["version"]
    assert bucket.get(f"updates/metadata/{version}.timestamp.json") == said
    for key in bucket.names():
        cache = bucket.head(key)["CacheControl"]
        assert ("immutable" in cache) == (not key.endswith("/timestamp.json")), key


def test_the_second_publication_sends_what_is_new(online, bucket):
    """Nothing is uploaded twice, and unchanged roles are not read again."""
    online.publish_release("1.5.0")
    before = set(bucket.names())
    online.publish_release("1.6.0")
    new = set(bucket.names()) - before
    kinds = sorted(key.rpartition("/")[2].partition(".")[2] for key in new)
    assert "snapshot.json" in kinds
    assert "agent.releases.json" in kinds
    assert not any("agent.stable.brake" in kind or "policy" in kind for kind in kinds)


def test_a_refresher_refreshes_and_publishes_nothing(online, bucket, as_role):
    """The daily job's rights are enough for its work, and too small for a release."""
    online.add("1.5.0")
    online.do("sign", "--yes")
    as_role("refresher")
    assert online.do("refresh")["timestamp"] == 2
    before = bucket.names()
    result = online.run("publish")
    assert result.exit_code == 13
    assert "infra/iam" in result.stderr
    assert bucket.names() == before


def test_whoever_publishes_second_learns_who_was_first(online, tmp_path):
    """S3 decides who was first; the other one prepares again, signs and publishes on top."""
    other = Workspace(tmp_path / "other")
    shutil.copytree(online.folder, other.folder)
    other.keys = online.keys
    online.add("1.5.0")
    other.add("1.6.0")
    for work in (online, other):
        work.do("sign", "--yes")
    online.do("publish")
    result = other.run("publish")
    assert result.exit_code == 15
    assert "agent.releases 2, signed by releases" in result.stderr
    assert "--rebase" in result.stderr
    assert other.do("publish", "--rebase")["rebased"] == {"agent.releases": 3}
    other.sign_and_publish()
    listed = {one["version"]: one["seq"] for one in other.do("release", "list")}
    assert listed == {"1.5.0": 1, "1.6.0": 2}
