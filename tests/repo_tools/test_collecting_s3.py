"""A drop box that is a bucket: hosts may create and no more, and the collector has its own rights."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.seaweed import Bucket


class Post:
    """What stands between hosts and the bucket: it has the rights of ``infra/iam/drop-box.json``."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        user = bucket.user("drop-box", "updates/reports/v1/proof")
        self.client = bucket.server.client("s3", user["AWS_ACCESS_KEY_ID"], user["AWS_SECRET_ACCESS_KEY"])

    def put(self, box: Path, path: Path, **conditions: str) -> None:
        """Pass on what a host sent."""
        key = f"updates/{path.relative_to(box)}"
        self.client.put_object(Bucket=self.bucket.name, Key=key, Body=path.read_bytes(), **conditions)

    def refused(self, action: str, **what: Any) -> bool:
        """Return whether the bucket refuses something to it."""
        try:
            getattr(self.client, action)(Bucket=self.bucket.name, **what)
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "AccessDenied")
        return False


@pytest.fixture
def post(bucket: Bucket) -> Post:
    """The way into an empty bucket."""
    return Post(bucket)


def test_hosts_can_create_reports_and_do_nothing_else(post, collection):
    """Whoever steals the rights of the drop box reads, lists, removes and publishes nothing."""
    voice = collection.voice("host-1")
    path = voice.say(voice.enrolment())
    post.put(collection.box, path)
    key = f"updates/{path.relative_to(collection.box)}"
    assert post.refused("get_object", Key=key)
    assert post.refused("list_objects_v2", Prefix="updates/reports/")
    assert post.refused("delete_object", Key=key)
    assert post.refused("put_object", Key="updates/metadata/timestamp.json", Body=b"{}")


def test_the_collector_hears_hosts_through_a_bucket(post, collection, as_role):
    """Each run takes what is new, also from other days, with the collector's rights alone."""
    voice = collection.voice("host-1")
    post.put(collection.box, voice.say(voice.enrolment(), voice.report()), IfNoneMatch="*")
    as_role("collector")
    location = post.bucket.location
    assert collection.collect(location)["counted"] == 2
    assert collection.collect(location)["objects"] == 0
    old = f"{datetime.now(UTC) - timedelta(days=13):%Y-%m-%d}"
    post.put(collection.box, voice.drop(voice.envelope(voice.report()), day=old))
    post.put(collection.box, voice.drop(voice.envelope(voice.report()), day="1970-01-01"))
    assert collection.collect(location)["counted"] == 2
    assert collection.rows("seq, clock") == [(1, ""), (2, ""), (3, ""), (4, "behind")]


def test_an_object_that_was_replaced_is_read_again(post, collection, as_role):
    """A copy between buckets that went wrong is mended by the next one."""
    voice = collection.voice("host-1").join()
    path = voice.say(voice.report())
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    for each in sorted(collection.box.rglob("*.json")):
        post.put(collection.box, each)
    as_role("collector")
    assert collection.collect(post.bucket.location)["set_aside"] == {"malformed": 1}
    path.write_bytes(whole)
    post.put(collection.box, path)
    assert collection.collect(post.bucket.location)["counted"] == 1
    assert collection.asides() == []


def test_a_bucket_that_the_collector_may_not_read(post, collection, monkeypatch):
    """The drop box's own rights collect nothing, and that is said."""
    for name, value in post.bucket.user("drop-box", "updates/reports/v1/proof").items():
        monkeypatch.setenv(name, value)
    done = collection.repo.run("fleet", "collect", post.bucket.location)
    assert (done.exit_code, "infra/iam" in done.stderr) == (13, True)
    assert not (collection.lake / "reports").exists()
