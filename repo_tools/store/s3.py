"""A store that is an S3 bucket, or a part of one.

Files are created with ``If-None-Match: *`` and the timestamp is replaced with ``If-Match``, so that S3 itself
decides who was first. Each upload carries its SHA-256, which S3 compares before it keeps anything. An answer
may be lost and the request sent again: whoever is told "taken" looks whether the bytes there are his own.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from metadata.errors import ConflictError, UntrustedError
from metadata.paths import safe_path
from repo_tools.files import OnBytes, silent
from repo_tools.store import conditions, multipart
from repo_tools.store.base import AGAIN, REPLACED, Item
from repo_tools.store.clock import Dated
from repo_tools.store.folder import not_signed
from repo_tools.store.headers import headers
from repo_tools.store.memory import Memory
from repo_tools.store.options import S3Options
from repo_tools.store.trouble import ABSENT, BUSY, TAKEN, code, translated, unless_absent

TRIES = 4
"""How often boto3 sends a request, with growing pauses; also how often a busy name is tried."""
CONNECT_S, READ_S = 10, 60
LOOK_FIRST_BYTES = 1 << 20
"""From here on, asking whether a file is there already is cheaper than sending it for nothing."""
SINGLE_BYTES = 4 * multipart.PART_BYTES
"""Up to here a file goes in one request, from memory, hashed once; S3 takes up to 5 GiB."""


@dataclass
class S3Store:
    """Objects of one bucket, below one prefix."""

    location: str
    bucket: str
    prefix: str
    options: S3Options
    memory: Memory | None = None
    _dated: Dated = field(default_factory=Dated)
    _etags: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    @classmethod
    def at(cls, parts: SplitResult, options: S3Options, memory: Memory | None = None) -> "S3Store":
        """Return the store of a split ``s3://bucket/prefix`` URL."""
        prefix = f"{parts.path.strip('/')}/".lstrip("/")
        location = f"s3://{parts.netloc}/{prefix}".rstrip("/")
        return cls(location, parts.netloc, prefix, options.overlaid(parts.query), memory)

    @property
    def lanes(self) -> int:
        """How many files are best handled at once."""
        return self.options.lanes

    @cached_property
    def client(self) -> Any:
        """The boto3 client; it may be used by several threads."""
        settings = Config(
            retries={"mode": "standard", "total_max_attempts": TRIES},
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            max_pool_connections=2 * self.lanes,
            request_checksum_calculation="when_required",  # SHA-256 is sent with each request
            s3={"addressing_style": "path" if self.options.endpoint else "auto"},
        )
        with translated(self.location, "begin"):
            core = botocore.session.get_session()
            core.register_component("data_loader", _models())
            session = boto3.Session(
                botocore_session=core, profile_name=self.options.profile, region_name=self.options.region
            )
            region = session.region_name or ("us-east-1" if self.options.endpoint else None)
            client = session.client(
                "s3", region_name=region, endpoint_url=self.options.endpoint, config=settings
            )
        client.meta.events.register("after-call.s3", self._dated.note)
        return client

    def ahead(self) -> timedelta | None:
        """Return how far this machine's clock is ahead of the one that dates S3's answers."""
        return self._dated.ahead

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there is none."""
        with translated(self.location, f"read {name}"):
            answer = unless_absent(lambda: self.client.get_object(**self.key(name)))
            if answer is None:
                return None
            data: bytes = answer["Body"].read()
        if name in REPLACED:
            self._etags[name] = (data, answer["ETag"])
        return data

    def read_signed(self, name: str, sha256: str) -> bytes | None:
        """Return a file whose digest is signed, perhaps as this machine remembers it."""
        if self.memory is None:
            return self.read(name)
        return self.memory.recall(sha256, lambda: self.read(name))

    def read_held(self, name: str, holds: Callable[[bytes], bool]) -> bytes | None:
        """Return a file that can be told from another by looking at it, perhaps as it is remembered."""
        if self.memory is None:
            return self.read(name)
        return self.memory.recall_named(self._known_as(name), holds, lambda: self.read(name))

    def _known_as(self, name: str) -> str:
        return f"{self.options.endpoint} {self.location} {name}"

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a large file's content."""
        with translated(self.location, f"read {name}"):
            answer = unless_absent(lambda: self.client.get_object(**self.key(name)))
            if answer is None:
                raise UntrustedError(f"{name} is missing in {self.location}")
            yield from answer["Body"].iter_chunks(1 << 20)

    def has(self, name: str) -> bool:
        """Return whether a name is taken."""
        return self.head(name) is not None

    def size_bytes(self, name: str) -> int | None:
        """Return how long a file is, or None when there is none."""
        return found["ContentLength"] if (found := self.head(name)) else None

    def items(self) -> Iterator[Item]:
        """Yield every file below ``metadata/`` and ``targets/``."""
        yield from self.below("metadata")
        yield from self.below("targets")

    def below(self, folder: str) -> Iterator[Item]:
        """Yield every file below a folder."""
        pages = self.client.get_paginator("list_objects_v2")
        with translated(self.location, "list what is there"):
            for page in pages.paginate(Bucket=self.bucket, Prefix=f"{self.prefix}{folder}/"):
                for one in page.get("Contents", ()):
                    name = one["Key"].removeprefix(self.prefix)
                    yield Item(name, one["Size"], one["LastModified"], one["ETag"])

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""
        pages = self.client.get_paginator("list_objects_v2")
        prefix = f"{self.prefix}{folder}/"
        with translated(self.location, "list what is there"):
            found = [
                one["Prefix"]
                for page in pages.paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
                for one in page.get("CommonPrefixes", ())
            ]
        return [name.removeprefix(prefix).rstrip("/") for name in found]

    def create(self, name: str, data: bytes) -> None:
        """Publish a file once; the same bytes again are fine."""
        self._create(name, data, _base64(sha256(data).digest()))
        if self.memory is None or not name.startswith("metadata/"):
            return
        if name.endswith(".timestamp.json"):
            self.memory.keep_named(self._known_as(name), data)
        else:
            self.memory.keep(data)

    def _create(self, name: str, data: bytes, digest: str) -> None:
        with translated(self.location, f"create {name}"):
            for _ in range(TRIES):
                try:
                    return self._put(name, data, digest, IfNoneMatch="*")
                except ClientError as error:
                    if code(error) not in TAKEN | BUSY:
                        raise
                if (there := self.head(name)) is not None:
                    return self._compare(name, there, len(data), lambda: digest)
        raise ConflictError(f"{name} is being written by somebody else in {self.location}", AGAIN)

    def upload(self, name: str, source: Path, sha256: str, on_bytes: OnBytes = silent) -> None:
        """Publish a file from disk once, as ``create`` does; a large one in parts, each sent only once."""
        size = source.stat().st_size
        if size <= SINGLE_BYTES:
            self._upload_whole(name, source, sha256, on_bytes)
            return
        if (there := self.head(name)) is not None:
            multipart.refuse_damaged(source, sha256, on_bytes)
            self._compare(name, there, size, lambda: multipart.checksum(source))
            return
        with translated(self.location, f"upload {name}"):
            try:
                multipart.send(self, name, multipart.Source(source, sha256, on_bytes))
            except ClientError as error:
                there = self.head(name) if code(error) in TAKEN | BUSY | {"NoSuchUpload"} else None
                if there is None:
                    raise
                self._compare(name, there, size, lambda: multipart.checksum(source))

    def replace(self, name: str, data: bytes, expected: bytes | None) -> None:
        """Replace a file that is still ``expected`` (None: does not exist yet)."""
        with translated(self.location, f"replace {name}"):
            try:
                self._put(name, data, _base64(sha256(data).digest()), **self._condition(name, expected))
            except ClientError as error:
                if code(error) not in TAKEN | BUSY | ABSENT:
                    raise
                if self.read(name) != data:  # an answer was lost, and this is the second request
                    self._refuse_changed(name, error)

    def prove(self, name: str, data: bytes, now: datetime) -> None:
        """Find out whether the server keeps conditions, once in a while."""
        with translated(self.location, "try whether conditions are kept"):
            if self.memory is None:
                conditions.prove(self, name, data, now)
                return
            self.memory.recall_named(
                f"conditions of {self.options.endpoint} {self.bucket}",
                lambda note: conditions.recent(note, now),
                lambda: conditions.prove(self, name, data, now),
            )

    def remove(self, name: str) -> None:
        """Remove a file that nobody needs; one that is gone already is fine."""
        with translated(self.location, f"remove {name}"):
            self.client.delete_object(**self.key(name))

    def head(self, name: str) -> dict[str, Any] | None:
        """Return what S3 says about an object, its checksum with it, or None."""
        with translated(self.location, f"look at {name}"):
            return unless_absent(lambda: self.client.head_object(**self.key(name), ChecksumMode="ENABLED"))

    def key(self, name: str) -> dict[str, str]:
        """Return where an object is, as boto3 wants it."""
        return {"Bucket": self.bucket, "Key": self.prefix + safe_path(name)}

    def settings(self, name: str) -> dict[str, str]:
        """Return the headers, the class and the encryption that an object is created with."""
        said = headers(name)
        found = {"CacheControl": said.cache_control, "ContentType": said.content_type}
        wishes = {
            "StorageClass": self.options.storage_class if name.startswith("targets/") else None,
            "ServerSideEncryption": self.options.server_side_encryption,
            "SSEKMSKeyId": self.options.kms_key_id,
        }
        return found | {key: wish for key, wish in wishes.items() if wish is not None}

    def _upload_whole(self, name: str, source: Path, digest: str, on_bytes: OnBytes) -> None:
        data = source.read_bytes()
        found = sha256(data).digest()
        if found.hex() != digest:
            raise not_signed(source)
        checksum = _base64(found)
        there = self.head(name) if len(data) >= LOOK_FIRST_BYTES else None
        if there is None:
            self._create(name, data, checksum)
        else:
            self._compare(name, there, len(data), lambda: checksum)
        on_bytes(len(data))

    def _put(self, name: str, data: bytes, checksum: str, **condition: str) -> None:
        self.client.put_object(
            **self.key(name), **self.settings(name), **condition, Body=data, ChecksumSHA256=checksum
        )

    def _condition(self, name: str, expected: bytes | None) -> dict[str, str]:
        if expected is None:
            return {"IfNoneMatch": "*"}
        if self._etags.get(name, (None, ""))[0] != expected and self.read(name) != expected:
            self._refuse_changed(name, None)
        return {"IfMatch": self._etags[name][1]}

    def _refuse_changed(self, name: str, cause: Exception | None) -> None:
        raise ConflictError(f"{name} changed in {self.location} while this was published", AGAIN) from cause

    def _compare(self, name: str, there: dict[str, Any], size: int, checksum: Callable[[], str]) -> None:
        """Refuse other bytes under a name; without a comparable checksum, the object is read."""
        same = there["ContentLength"] == size
        if same:
            wanted, found = checksum(), there.get("ChecksumSHA256")
            if found is None or ("-" in found) != ("-" in wanted):
                found = multipart.checksum_of(self.stream(name), parted="-" in wanted)
            same = found == wanted
        if not same:
            raise ConflictError(f"{name} is already published with other content in {self.location}", AGAIN)


@cache
def _models() -> Any:
    """Return what boto3 knows about S3, read once: to read it takes most of the time of making a client."""
    return botocore.session.get_session().get_component("data_loader")


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode()
