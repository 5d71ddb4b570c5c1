"""Bytes from a repository: every request has a deadline, a least speed and a size limit.

Errors that requests and urllib3 raise, in the middle of a body too, leave this module as UnreachableError.
Artifacts are hashed while they are written, and a cut download goes on where it stopped.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import urllib3

from metadata.errors import TidegateError, UnreachableError, UnsuitableError, UntrustedError

CONNECT_S = 10
READ_S = 30
"""The longest silence in the middle of an answer (python-tuf's own default)."""
SMALL_DEADLINE_S = 60
"""For metadata and documents: at most 5 MB, so 80 KB/s is enough."""
LARGE_DEADLINE_S = 7_200
"""For artifacts: the budget that Elastic Agent gives a download."""
LEAST_BYTES_PER_S = 1_024
GRACE_S = 30
"""How long a transfer may take to reach the least speed."""
CHUNK_BYTES = 1 << 18
FOLDER = "file:///"
"""How the URL of a repository begins that is a folder here: a mounted share, or what a bundle brought."""
TRIES = 4
"""How often a download that made progress is taken up again."""


class AbsentError(UnreachableError):
    """The server answered that there is no such file."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Fetcher:
    """One session with a repository."""

    def __init__(self, user_agent: str = "tidegate-agent") -> None:
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "identity"})

    def stream(self, url: str, start: int = 0, deadline_s: float = SMALL_DEADLINE_S) -> Iterator[bytes]:
        """Yield the bytes of ``url`` from ``start`` on.

        Raises:
            AbsentError: The server says 403, 404 or 410.
            UnreachableError: Anything else that is not an answer in time.
        """
        if url.startswith(FOLDER):
            yield from _local(url, start)
            return
        headers = {"Range": f"bytes={start}-"} if start else {}
        begun = time.monotonic()
        with _translated(url):
            answer = self._session.get(url, headers=headers, stream=True, timeout=(CONNECT_S, READ_S))
            with contextlib.closing(answer):
                skip = _accept(url, answer, start)
                count = 0
                while block := answer.raw.read1(CHUNK_BYTES):
                    count += len(block)
                    _keep_pace(url, count, time.monotonic() - begun, deadline_s)
                    useful, skip = block[skip:], max(0, skip - len(block))
                    if useful:
                        yield useful

    def get(self, url: str, max_bytes: int) -> bytes:
        """Return a small file.

        Raises:
            UnreachableError: It did not come, or is longer than ``max_bytes``.
        """
        return b"".join(_at_most(url, self.stream(url), max_bytes))

    def download(self, url: str, path: Path, length: int, sha256: str) -> None:
        """Put a large file at ``path``; what is there already is kept and continued.

        Raises:
            UnreachableError: It did not come whole.
            UntrustedError: It came, with another digest; the file is removed.
            UnsuitableError: The disk is full.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            digest = self._continue(url, path, length)
        except OSError as error:
            hint = "free some space; the download goes on where it stopped"
            raise UnsuitableError(f"{path.parent} cannot be written: {error.strerror}", hint) from error
        if digest != sha256:
            path.unlink(missing_ok=True)
            raise UntrustedError(
                f"{url} is not what was signed", "the mirror serves other bytes; tell its owner"
            )

    def _continue(self, url: str, path: Path, length: int) -> str:
        """Append what is missing and return the digest of everything."""
        digest = hashlib.sha256()
        with path.open("ab+") as file:
            file.seek(0)
            while block := file.read(CHUNK_BYTES):
                digest.update(block)
            fruitless = 0
            while (have := file.tell()) < length and fruitless < TRIES:
                try:
                    for block in _at_most(url, self.stream(url, have, LARGE_DEADLINE_S), length - have):
                        digest.update(block)
                        file.write(block)
                except UnreachableError as error:
                    if isinstance(error, AbsentError) or fruitless == TRIES - 1:
                        raise
                fruitless = 0 if file.tell() > have else fruitless + 1
            if have < length:
                raise UnreachableError(f"{url} ended after {have:,} of {length:,} bytes", "try again later")
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()


def _local(url: str, start: int) -> Iterator[bytes]:
    """Yield a file's bytes as a server would send them."""
    try:
        with Path(unquote(urlsplit(url).path)).open("rb") as file:
            file.seek(start)
            while block := file.read(CHUNK_BYTES):
                yield block
    except FileNotFoundError as error:
        raise AbsentError(f"{url} is not there", 404) from error
    except OSError as error:
        raise UnreachableError(f"{url} cannot be read: {error.strerror}", "check the folder") from error


def _at_most(url: str, blocks: Iterator[bytes], most: int) -> Iterator[bytes]:
    for block in blocks:
        most -= len(block)
        if most < 0:
            raise UnreachableError(f"{url} sends more than was signed")
        yield block


def _accept(url: str, answer: Any, start: int) -> int:
    """Return how many bytes of the body are known already, or raise for an answer that has none."""
    if answer.status_code in {403, 404, 410}:
        raise AbsentError(f"{url} is not there (HTTP {answer.status_code})", answer.status_code)
    if answer.status_code == 416:
        raise UnreachableError(f"{url} is shorter than what was signed")
    if answer.status_code not in {200, 206}:
        raise UnreachableError(f"{url} answered HTTP {answer.status_code}")
    return start if answer.status_code == 200 else 0


def _keep_pace(url: str, count: int, taken_s: float, deadline_s: float) -> None:
    if taken_s > deadline_s:
        raise UnreachableError(f"{url} was not complete after {deadline_s:.0f} s")
    if taken_s > GRACE_S and count < taken_s * LEAST_BYTES_PER_S:
        raise UnreachableError(f"{url} comes at less than {LEAST_BYTES_PER_S:,} bytes a second")


def _reason(error: BaseException) -> str:
    """Return what lies at the bottom of a chain of errors: "connection refused", not six class names."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split())[:160].lower()


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except TidegateError:
        raise
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        reason = _reason(error)
        raise UnreachableError(
            f"{url} cannot be reached: {reason}", "check network, proxy and URL"
        ) from error
