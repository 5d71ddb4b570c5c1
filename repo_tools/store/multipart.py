"""Large files to S3, in parts that are checked one by one; an interrupted upload goes on where it stopped.

The parts' size follows from the file's, so that whoever goes on, or compares, cuts the file the same way.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import md5, sha256
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Protocol

from botocore.exceptions import ClientError

from repo_tools import files
from repo_tools.files import OnBytes
from repo_tools.store.folder import not_signed
from repo_tools.store.trouble import ABSENT, code

PART_BYTES = 8 << 20
"""The AWS command line's size."""
MOST_PARTS = 10_000
"""S3's limit."""
LANES = 4
"""Parts of one file that travel at once; several files do so beside each other."""


class Bucket(Protocol):
    """What sending needs of the S3 store."""

    @property
    def client(self) -> Any:
        """The boto3 client."""

    def key(self, name: str) -> dict[str, str]:
        """Return where an object is."""

    def settings(self, name: str) -> dict[str, str]:
        """Return what an object is created with."""


@dataclass(frozen=True)
class Source:
    """A file to be sent."""

    path: Path
    sha256: str
    on_bytes: OnBytes


@dataclass(frozen=True)
class _Target:
    """An upload that has begun."""

    client: Any
    where: Mapping[str, Any]
    """Bucket, key and upload id."""
    there: Mapping[int, Mapping[str, Any]]
    """Parts that were sent before, by number."""

    def put(self, number: int, data: bytes) -> dict[str, Any]:
        """Send a part unless it is there, and return how it is named at the end."""
        digest = _base64(sha256(data).digest())
        part = self.there.get(number)
        if part is None or not _holds(part, data, digest):
            part = self.client.upload_part(**self.where, PartNumber=number, Body=data, ChecksumSHA256=digest)
        return {"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": digest}


def send(bucket: Bucket, name: str, source: Source) -> None:
    """Create an object from a file; another object under that name is never replaced.

    Raises:
        UntrustedError: The file is not what was signed; nothing becomes visible.
    """
    target = _begun(bucket, name)
    whole = sha256()
    parts = _sent(target, source, whole.update)
    if whole.hexdigest() != source.sha256:
        bucket.client.abort_multipart_upload(**target.where)
        raise not_signed(source.path)
    bucket.client.complete_multipart_upload(**target.where, MultipartUpload={"Parts": parts}, IfNoneMatch="*")


def checksum(path: Path) -> str:
    """Return the checksum that S3 gives a file which was sent in parts."""
    return _composite(_parts_of(path))


def checksum_of(chunks: Iterable[bytes], *, parted: bool) -> str:
    """Return the checksum of an object's content, as that of one request or of parts."""
    data = bytearray()
    whole = sha256()
    for chunk in chunks:
        whole.update(chunk)
        if parted:
            data += chunk
    return _composite(_cut(bytes(data), len(data))) if parted else _base64(whole.digest())


def refuse_damaged(path: Path, digest: str, on_bytes: OnBytes) -> None:
    """Refuse a file that is not what was signed.

    Raises:
        UntrustedError: It is not.
    """
    whole = sha256()
    for chunk in files.chunks_of(path, on_bytes):
        whole.update(chunk)
    if whole.hexdigest() != digest:
        raise not_signed(path)


def _sent(target: _Target, source: Source, digest: Callable[[bytes], None]) -> list[dict[str, Any]]:
    room = BoundedSemaphore(LANES + 1)

    def put(number: int, data: bytes) -> dict[str, Any]:
        try:
            return target.put(number, data)
        finally:
            source.on_bytes(len(data))
            room.release()

    sent: list[Future[dict[str, Any]]] = []
    with ThreadPoolExecutor(LANES) as pool:
        for number, data in enumerate(_parts_of(source.path), start=1):
            room.acquire()
            if any(one.done() and one.exception() for one in sent):
                break
            sent.append(pool.submit(put, number, data))
            digest(data)
    return [one.result() for one in sent]


def _begun(bucket: Bucket, name: str) -> _Target:
    """Return the upload that somebody began for this name, or a new one."""
    where = bucket.key(name)
    upload = _unfinished(bucket.client, where)
    if upload is None:
        made = bucket.client.create_multipart_upload(
            **where, **bucket.settings(name), ChecksumAlgorithm="SHA256", ChecksumType="COMPOSITE"
        )
        return _Target(bucket.client, {**where, "UploadId": made["UploadId"]}, {})
    pages = bucket.client.get_paginator("list_parts").paginate(**where, UploadId=upload)
    there = {part["PartNumber"]: part for page in pages for part in page.get("Parts", ())}
    return _Target(bucket.client, {**where, "UploadId": upload}, there)


def _unfinished(client: Any, where: Mapping[str, str]) -> str | None:
    try:
        listed = client.list_multipart_uploads(Bucket=where["Bucket"], Prefix=where["Key"])
    except ClientError as error:
        if code(error) in ABSENT | {"AccessDenied", "NotImplemented"}:
            return None  # going on is an economy; without the right to look, everything is sent again
        raise
    ids = [one["UploadId"] for one in listed.get("Uploads", ()) if one["Key"] == where["Key"]]
    return ids[0] if ids else None


def _holds(part: Mapping[str, Any], data: bytes, digest: str) -> bool:
    if part.get("ChecksumSHA256"):
        return bool(part["ChecksumSHA256"] == digest)
    etag = md5(data, usedforsecurity=False).hexdigest()
    return part["Size"] == len(data) and str(part["ETag"]).strip('"') == etag


def _parts_of(path: Path) -> Iterator[bytes]:
    size = _part_bytes(path.stat().st_size)
    with path.open("rb") as file:
        while data := file.read(size):
            yield data


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    step = _part_bytes(size)
    return (data[start : start + step] for start in range(0, size, step))


def _part_bytes(size: int) -> int:
    return max(PART_BYTES, -(-size // MOST_PARTS))


def _composite(parts: Iterable[bytes]) -> str:
    digests = [sha256(part).digest() for part in parts]
    return f"{_base64(sha256(b''.join(digests)).digest())}-{len(digests)}"


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode()
