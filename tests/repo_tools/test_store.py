"""Stores: what both kinds promise, and what S3 keeps with each object."""

import os
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from metadata.errors import (
    ConflictError,
    UnreachableError,
    UnsuitableError,
    UntrustedError,
    UsageError,
)
from repo_tools.store import TIMESTAMP, FullStore, S3Options, open_store
from repo_tools.store.headers import headers
from repo_tools.store.multipart import PART_BYTES
from tests.support.seaweed import Bucket

LARGE = 4 * PART_BYTES + 5


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path) -> FullStore:
    """An empty store of each kind; the one in S3 is used with a publisher's rights."""
    if request.param == "folder":
        return open_store(str(tmp_path / "store"), tmp_path)
    request.getfixturevalue("as_role")("publisher")
    bucket: Bucket = request.getfixturevalue("bucket")
    return bucket.store()


def source(folder: Path, data: bytes) -> tuple[Path, str]:
    """Return a file and its digest."""
    path = folder / "source"
    path.write_bytes(data)
    return path, sha256(data).hexdigest()


def test_a_file_is_created_once(store):
    """The same bytes again are fine, and others never replace them."""
    assert store.read("metadata/1.root.json") is None
    assert not store.has("metadata/1.root.json")
    for _ in range(2):
        store.create("metadata/1.root.json", b"one")
    with pytest.raises(ConflictError) as error:
        store.create("metadata/1.root.json", b"two")
    assert "1.root.json" in error.value.message
    assert store.read("metadata/1.root.json") == b"one"
    assert store.has("metadata/1.root.json")


def test_the_timestamp_is_replaced_only_while_it_is_the_known_one(store):
    """Whoever read an older one is refused, and so is whoever believes that there is none."""
    store.replace(TIMESTAMP, b"one", None)
    with pytest.raises(ConflictError):
        store.replace(TIMESTAMP, b"two", None)
    assert store.read(TIMESTAMP) == b"one"
    store.replace(TIMESTAMP, b"two", b"one")
    with pytest.raises(ConflictError):
        store.replace(TIMESTAMP, b"three", b"one")
    store.replace(TIMESTAMP, b"three", b"two")
    assert store.read(TIMESTAMP) == b"three"


def test_a_replacement_whose_answer_was_lost_is_no_conflict(bucket, as_role):
    """The request is sent twice then, and the second finds what the first wrote."""
    as_role("publisher")
    bucket.store().replace(TIMESTAMP, b"one", None)
    mine = bucket.store()
    assert mine.read(TIMESTAMP) == b"one"
    bucket.store().replace(TIMESTAMP, b"two", b"one")
    mine.replace(TIMESTAMP, b"two", b"one")
    with pytest.raises(ConflictError):
        mine.replace(TIMESTAMP, b"three", b"one")


@pytest.mark.parametrize("size", [0, 10, LARGE])
def test_a_file_from_disk_is_uploaded_once(store, tmp_path, size):
    """Small and large, again and again, but never over another one."""
    path, digest = source(tmp_path, b"x" * size)
    told: list[int] = []
    for _ in range(2):
        store.upload("targets/one.bin", path, digest, told.append)
    assert b"".join(store.stream("targets/one.bin")) == path.read_bytes()
    assert sum(told) >= size
    path, digest = source(tmp_path, b"y" * size + b"z")
    with pytest.raises(ConflictError):
        store.upload("targets/one.bin", path, digest)


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_file_that_is_not_what_was_signed_is_not_published(store, tmp_path, size):
    """Nothing of it becomes visible."""
    path, digest = source(tmp_path, b"x" * size)
    path.write_bytes(path.read_bytes()[:-1] + b"y")
    with pytest.raises(UntrustedError):
        store.upload("targets/one.bin", path, digest)
    assert not store.has("targets/one.bin")
    assert list(store.items()) == []


def test_what_is_there_can_be_listed_and_removed(store, bucket, as_role):
    """Removing asks for rights that a publisher does not have."""
    store.create("metadata/1.root.json", b"one")
    store.create("targets/releases/agent/1.5.0/aa.release.json", b"three")
    found = {item.name: item.size_bytes for item in store.items()}
    assert found == {"metadata/1.root.json": 3, "targets/releases/agent/1.5.0/aa.release.json": 5}
    if store.location.startswith("s3:"):
        with pytest.raises(UnsuitableError, match="may not"):
            store.remove("metadata/1.root.json")
        as_role("cleaner")
        store = bucket.store()
    for _ in range(2):
        store.remove("metadata/1.root.json")
    assert [item.name for item in store.items()] == ["targets/releases/agent/1.5.0/aa.release.json"]
    with pytest.raises(UntrustedError):
        list(store.stream("metadata/1.root.json"))


def test_an_interrupted_upload_goes_on_where_it_stopped(bucket, as_role, tmp_path):
    """Parts that arrived are not sent again, and one that is not the file's is."""
    as_role("publisher")
    store = bucket.store()
    path, digest = source(tmp_path, os.urandom(5 * PART_BYTES))
    where = {"Bucket": bucket.name, "Key": "updates/targets/one.bin"}
    owner = bucket.server.client()
    begun = owner.create_multipart_upload(**where, ChecksumAlgorithm="SHA256")["UploadId"]
    parts = [path.read_bytes()[:PART_BYTES], b"other bytes"]
    etags = [
        owner.upload_part(**where, UploadId=begun, PartNumber=number, Body=data, ChecksumAlgorithm="SHA256")[
            "ETag"
        ]
        for number, data in enumerate(parts, start=1)
    ]
    sent = []
    store.client.meta.events.register(
        "before-call.s3.UploadPart", lambda params, **_: sent.append(params["query_string"]["partNumber"])
    )
    store.upload("targets/one.bin", path, digest)
    assert sorted(sent) == [2, 3, 4, 5]
    assert len(etags) == 2
    assert bucket.get(where["Key"]) == path.read_bytes()
    assert "Uploads" not in owner.list_multipart_uploads(Bucket=bucket.name)


def test_caches_are_told_what_never_changes(bucket, as_role, tmp_path):
    """Versioned and hashed names are immutable, the timestamp is asked for every minute."""
    as_role("publisher")
    store = bucket.store(storage_class="STANDARD_IA", server_side_encryption="AES256")
    store.create("metadata/1.root.json", b"{}")
    store.replace(TIMESTAMP, b"{}", None)
    for size, name in ((3, "a.tar.zst"), (LARGE, "b.tar.zst")):
        store.upload(f"targets/{name}", *source(tmp_path, b"x" * size))
    root, timestamp = bucket.head("updates/metadata/1.root.json"), bucket.head(f"updates/{TIMESTAMP}")
    assert root["CacheControl"] == "public, max-age=31536000, immutable"
    assert timestamp["CacheControl"] == "public, max-age=60"
    assert root["ContentType"] == timestamp["ContentType"] == "application/json"
    assert root["ChecksumSHA256"] == b64encode(sha256(b"{}").digest()).decode()
    assert "StorageClass" not in root
    for name in ("a.tar.zst", "b.tar.zst"):
        head = bucket.head(f"updates/targets/{name}")
        assert head["ContentType"] == "application/zstd"
        assert head["StorageClass"] == "STANDARD_IA"
        assert head["ServerSideEncryption"] == "AES256"
        assert head["ChecksumSHA256"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("targets/rollout/agent/stable/aa.policy", "application/json"),
        ("targets/rollout/agent/stable/aa.0a", "application/json"),
        ("targets/fleet/aa.enrollment", "application/json"),
        ("targets/releases/agent/1/aa.release.json", "application/json"),
        ("targets/releases/agent/1/aa.linux-x86_64.tar.gz", "application/gzip"),
        ("targets/releases/agent/1/aa.linux-x86_64.zip", "application/zip"),
        ("targets/releases/agent/1/aa.linux-x86_64.bin", "application/octet-stream"),
        ("status/index.html", "text/html"),
    ],
)
def test_content_types_follow_from_names(name, kind):
    """Browsers and caches are told what a file is."""
    assert headers(name).content_type == kind


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("refresher", True), ("publisher", True), ("reader", False), ("collector", False), ("cleaner", False)],
)
def test_each_role_may_write_what_it_needs(bucket, as_role, role, allowed):
    """A reader, a collector and a cleaner cannot replace the timestamp; a refresher can, and no role."""
    as_role(role)
    store = bucket.store()
    if allowed:
        store.create("metadata/1.timestamp.json", b"one")
        store.replace(TIMESTAMP, b"one", None)
    else:
        with pytest.raises(UnsuitableError) as error:
            store.replace(TIMESTAMP, b"one", None)
        assert "infra/iam" in error.value.hint
    if role != "publisher":
        with pytest.raises(UnsuitableError):
            store.create("metadata/1.agent.stable.json", b"one")


def test_a_reader_reads(bucket, as_role):
    """Whoever serves the files needs no more than to read them."""
    as_role("publisher")
    bucket.store().create("metadata/1.root.json", b"one")
    as_role("reader")
    assert bucket.store().read("metadata/1.root.json") == b"one"
    with pytest.raises(UnsuitableError):
        bucket.store().read("reports/v1/one.json")


def test_s3_errors_say_what_to_do(bucket, as_role, monkeypatch, tmp_path):
    """No bucket, no credentials, no server, no such option: each has its exit code and a hint."""
    as_role("publisher")
    endpoint = bucket.server.url
    with pytest.raises(UnsuitableError, match=r"may not|no such bucket"):
        open_store("s3://nowhere-at-all/x", tmp_path, S3Options(endpoint=endpoint)).create("metadata/a", b"x")
    with pytest.raises(UnreachableError, match="does not answer"):
        open_store("s3://b/x", tmp_path, S3Options(endpoint="http://127.0.0.1:9")).read("metadata/a")
    with pytest.raises(UsageError, match="lanes"):
        open_store("s3://b/x?lanes=many", tmp_path)
    with pytest.raises(UsageError):
        open_store("s3://b/x?colour=red", tmp_path)
    with pytest.raises(UsageError):
        open_store("gs://b/x", tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown")
    with pytest.raises(UnsuitableError, match="access key"):
        bucket.store().read("metadata/a")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(UnsuitableError, match="no credentials"):
        bucket.store().read("metadata/a")
    with pytest.raises(UnsuitableError, match="no credentials"):
        bucket.store(profile="nobody").read("metadata/a")


def test_an_object_without_a_comparable_checksum_is_read(bucket, as_role, tmp_path):
    """Somebody copied a file there by hand: the same bytes are taken as published."""
    path, digest = source(tmp_path, b"x" * LARGE)
    where = {"Bucket": bucket.name, "Key": "updates/targets/one.bin"}
    bucket.server.client().put_object(**where, Body=path.read_bytes())
    as_role("publisher")
    bucket.store().upload("targets/one.bin", path, digest)
    path, digest = source(tmp_path, b"y" * LARGE)
    with pytest.raises(ConflictError):
        bucket.store().upload("targets/one.bin", path, digest)
