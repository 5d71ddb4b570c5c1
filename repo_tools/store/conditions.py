"""Whether a server that looks like S3 keeps its word about conditions; some accept them and ignore them.

On such a server the second publisher silently replaces what the first one published. It is found out before
that by asking for two things that must be refused, with a file that is published already and its very
content: to create it although it exists, and to replace it although it is not the one that is named. Whatever
the server does then, the bytes stay the same.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol

from botocore.exceptions import ClientError

from metadata.errors import UnsuitableError
from repo_tools.store.trouble import BUSY, NO_CONDITIONS, TAKEN, code

PROVED_FOR = timedelta(days=30)
"""Servers are moved and updated behind their names; two requests a month are cheap."""
_NO_RIGHTS = frozenset({"AccessDenied", "403"})
_REFUSED = {
    "If-None-Match": {"IfNoneMatch": "*"},
    "If-Match": {"IfMatch": '"00000000000000000000000000000000"'},
}
"""By header: what must be refused; the second is the ETag of no object."""


class Bucket(Protocol):
    """What proving needs of the S3 store."""

    @property
    def client(self) -> Any:
        """The boto3 client."""

    @property
    def location(self) -> str:
        """The store as people write it."""

    def key(self, name: str) -> dict[str, str]:
        """Return where an object is."""

    def settings(self, name: str) -> dict[str, str]:
        """Return what an object is created with."""


def prove(bucket: Bucket, name: str, data: bytes, now: datetime) -> bytes | None:
    """Return a note of the proof, for ``recent``; None when these credentials may not even ask.

    Args:
        bucket: The store.
        name: A published file that never changes.
        data: Its content.
        now: The present, UTC.

    Raises:
        UnsuitableError: The server ignores conditions.
    """
    for header, condition in _REFUSED.items():
        said = _asked(bucket, name, data, condition)
        if said is None:  # it may have been missing, and now it is there
            said = _asked(bucket, name, data, condition)
        if said is None:
            text = f"{bucket.location} ignores {header}: two publishers would overwrite each other"
            raise UnsuitableError(text, NO_CONDITIONS)
        if said in _NO_RIGHTS and header == "If-None-Match":
            return None  # a policy that lets nobody replace files denies the other one: as good as a refusal
    return now.isoformat().encode()


def recent(note: bytes, now: datetime) -> bool:
    """Return whether a proof is young enough to be relied on."""
    try:
        return timedelta(0) <= now - datetime.fromisoformat(note.decode()) < PROVED_FOR
    except (ValueError, TypeError):
        return False


def _asked(bucket: Bucket, name: str, data: bytes, condition: Mapping[str, str]) -> str | None:
    """Return the name of the refusal, or None when the server did what it was asked."""
    checksum = b64encode(sha256(data).digest()).decode()
    try:
        bucket.client.put_object(
            **bucket.key(name), **bucket.settings(name), **condition, Body=data, ChecksumSHA256=checksum
        )
    except ClientError as error:
        if code(error) not in TAKEN | BUSY | _NO_RIGHTS:
            raise
        return code(error)
    return None
