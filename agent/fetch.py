"""Bytes from a repository: every request has a deadline, a least speed and a size limit.

Errors that sockets and urllib3 raise, in the middle of a body too, leave this module as UnreachableError.
Artifacts are hashed while they are written, and a cut download goes on where it stopped.
"""

import contextlib
import hashlib
import http.client
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
import urllib3

from agent.settings import Network
from agent.transport import Transport
from metadata.errors import TidegateError, UnreachableError, UnsuitableError, UntrustedError

TOGETHER = 10
"""For how many small files that come as late as possible one look at a repository has time."""
LARGE_DEADLINE_S = 7_200
"""For artifacts: the budget that Elastic Agent gives a download."""
LEAST_BYTES_PER_S = 1_024
CHUNK_BYTES = 1 << 18
FOLDER = "file:///"
"""How the URL of a repository begins that is a folder here: a mounted share, or what a bundle brought."""
TRIES = 4
"""How often in a row a download that made no progress is taken up again."""
PROGRESS_BYTES = 30 * LEAST_BYTES_PER_S
"""What a try must bring to count as progress; a server that drips would hold a host to its deadline."""


REFUSED_HINT = (
    "correct headers or certificate under network in the settings; or tell the repository's owner: "
    "a CDN or a bucket also refuses what it does not have"
)


class AbsentError(UnreachableError):
    """The server answered that there is no such file, or not for this host."""

    def __init__(self, message: str, status: int, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


class Fetcher:
    """One session with a repository."""

    def __init__(self, network: Network = Network(), user_agent: str = "tidegate-agent") -> None:  # noqa: B008 (frozen)
        self._transport = Transport(network, user_agent)
        self._network = network
        self._small_s = float(TOGETHER * network.patience_s)

    def stream(self, url: str) -> Iterator[bytes]:
        """Yield the bytes of a small file.

        Raises:
            AbsentError: The server says 403, 404 or 410.
            UnreachableError: Anything else that is not an answer in time.
        """
        begun = time.monotonic()
        try:
            yield from self._stream(url, _Part(), min(self._network.patience_s, self._small_s))
        finally:
            self._small_s -= time.monotonic() - begun

    def _stream(self, url: str, part: "_Part", deadline_s: float) -> Iterator[bytes]:
        """Yield the bytes of ``url`` from some byte on."""
        if url.startswith(FOLDER):
            yield from _local(url, part.start)
            return
        with _translated(url), self._transport.answer(url, part.headers, deadline_s) as answer:
            skip = part.accept(url, answer)
            pace = _Pace(url, self._network.patience_s / 2)
            while block := answer.read1(CHUNK_BYTES):
                pace.keep(len(block))
                useful, skip = block[skip:], max(0, skip - len(block))
                if useful:
                    yield useful
                    pace.slow_down(part.most_bytes_per_s)

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
        part = _Part(most_bytes_per_s=self._network.most_bytes_per_s)
        until_s = time.monotonic() + LARGE_DEADLINE_S * self._network.patience_s / 60
        with path.open("ab+") as file:
            file.seek(0)
            while block := file.read(CHUNK_BYTES):
                digest.update(block)
            fruitless = 0
            while (have := file.tell()) < length and fruitless < TRIES:
                part.start, left_s = have, max(0.0, until_s - time.monotonic())
                try:
                    for block in _at_most(url, self._stream(url, part, left_s), length - have):
                        digest.update(block)
                        file.write(block)
                except UnreachableError as error:
                    if isinstance(error, AbsentError) or fruitless == TRIES - 1 or not left_s:
                        raise
                fruitless = 0 if file.tell() - have >= PROGRESS_BYTES else fruitless + 1
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


class _Part(msgspec.Struct):
    """What is asked for of a file: everything from some byte on, as long as it is the same file."""

    start: int = 0
    mark: str = ""
    """How the server named the file when its beginning came (RFC 9110, 8.8.3)."""
    most_bytes_per_s: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What says so to a server."""
        if not self.start:
            return {}
        return {"Range": f"bytes={self.start}-", **({"If-Range": self.mark} if self.mark else {})}

    def accept(self, url: str, answer: urllib3.BaseHTTPResponse) -> int:
        """Return how many bytes of the body are known already, or raise for an answer that has none."""
        status = answer.status
        if status == 403:
            raise AbsentError(f"{url} is refused (HTTP 403)", status, REFUSED_HINT)
        if status in {404, 410}:
            raise AbsentError(f"{url} is not there (HTTP {status})", status)
        if status == 416:
            raise UnreachableError(f"{url} is shorter than what was signed")
        begins = answer.headers.get("Content-Range", f"bytes {self.start}-")
        if status not in {200, 206} or (status == 206 and not begins.startswith(f"bytes {self.start}-")):
            raise UnreachableError(f"{url} answered HTTP {status}", "try again later")
        mark = answer.headers.get("ETag", "")
        self.mark = mark if mark.startswith('"') else ""  # a weak one cannot speak for single bytes
        return self.start if status == 200 else 0


class _Pace:
    """How fast a transfer is: not too slow in any stretch of it, and not too fast."""

    def __init__(self, url: str, each_s: float) -> None:
        self._url = url
        self._each_s = each_s
        self._begun_s = self._stretch_s = time.monotonic()
        self._count = self._stretch_bytes = 0

    def keep(self, count: int) -> None:
        """Note bytes that came, or raise where too few do."""
        self._count += count
        self._stretch_bytes += count
        taken_s = time.monotonic() - self._stretch_s
        if taken_s <= self._each_s:
            return
        if self._stretch_bytes < taken_s * LEAST_BYTES_PER_S:
            raise UnreachableError(f"{self._url} comes at less than {LEAST_BYTES_PER_S:,} bytes a second")
        self._stretch_s, self._stretch_bytes = time.monotonic(), 0

    def slow_down(self, most_bytes_per_s: int | None) -> None:
        """Wait until what came is no more than may have come by now."""
        if most_bytes_per_s is not None:
            due_s = self._begun_s + self._count / most_bytes_per_s
            time.sleep(max(0.0, due_s - time.monotonic()))


def _reason(error: BaseException) -> str:
    """Return what lies at the bottom of a chain of errors: "connection refused", not six class names."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split())[:160].lower() or "an answer that makes no sense"


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except TidegateError:
        raise
    except (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException, ValueError) as error:
        reason = _reason(error)
        raise UnreachableError(
            f"{url} cannot be reached: {reason}", "check network, proxy and URL"
        ) from error
