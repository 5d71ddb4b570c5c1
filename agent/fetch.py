"""Bytes from a repository: every request has a deadline, a least speed and a size limit.

Errors that urllib3 raises, in the middle of a body too, leave this module as UnreachableError. Artifacts are
hashed while they are written, and a cut download goes on where it stopped. Certificates are checked against
the system's own store; proxies come from the environment.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

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
TRIES = 4
"""How often a download that made progress is taken up again."""
NO_RETRIES = urllib3.Retry(None, connect=0, read=0, redirect=3, other=0, respect_retry_after_header=False)
"""Pacing belongs to the supervisor; a server's Retry-After could hold a tick for hours."""


class AbsentError(UnreachableError):
    """The server answered that there is no such file."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Fetcher:
    """One client of a repository; connections are kept open between requests."""

    def __init__(self, user_agent: str = "tidegate-agent") -> None:
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._pools: dict[str | None, urllib3.PoolManager] = {}

    def _pool(self, url: str) -> urllib3.PoolManager:
        """Return the connections that lead to ``url``, by way of its proxy if the environment names one."""
        proxy = _proxy(url)
        if proxy not in self._pools:
            self._pools[proxy] = _manager(proxy)
        return self._pools[proxy]

    def stream(self, url: str, start: int = 0, deadline_s: float = SMALL_DEADLINE_S) -> Iterator[bytes]:
        """Yield the bytes of ``url`` from ``start`` on.

        Raises:
            AbsentError: The server says 403, 404 or 410.
            UnreachableError: Anything else that is not an answer in time.
        """
        begun = time.monotonic()
        with _translated(url), contextlib.closing(self._open(url, start)) as answer:
            skip = _accept(url, answer.status, start)
            count = 0
            while block := answer.read1(CHUNK_BYTES):
                count += len(block)
                _keep_pace(url, count, time.monotonic() - begun, deadline_s)
                useful, skip = block[skip:], max(0, skip - len(block))
                if useful:
                    yield useful

    def _open(self, url: str, start: int) -> urllib3.BaseHTTPResponse:
        headers = self._headers | ({"Range": f"bytes={start}-"} if start else {})
        limits = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
        return self._pool(url).request(
            "GET",
            url,
            headers=headers,
            retries=NO_RETRIES,
            timeout=limits,
            preload_content=False,
            decode_content=False,
        )

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


def _at_most(url: str, blocks: Iterator[bytes], most: int) -> Iterator[bytes]:
    for block in blocks:
        most -= len(block)
        if most < 0:
            raise UnreachableError(f"{url} sends more than was signed")
        yield block


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for ``url``."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def _manager(proxy: str | None) -> urllib3.PoolManager:
    if proxy is None:
        return urllib3.PoolManager()
    secret = urlsplit(proxy)
    login = f"{unquote(secret.username)}:{unquote(secret.password or '')}" if secret.username else None
    return urllib3.ProxyManager(proxy, proxy_headers=urllib3.make_headers(proxy_basic_auth=login))


def _accept(url: str, status: int, start: int) -> int:
    """Return how many bytes of the body are known already, or raise for an answer that has none."""
    if status in {403, 404, 410}:
        raise AbsentError(f"{url} is not there (HTTP {status})", status)
    if status == 416:
        raise UnreachableError(f"{url} is shorter than what was signed")
    if status not in {200, 206}:
        raise UnreachableError(f"{url} answered HTTP {status}")
    return start if status == 200 else 0


def _keep_pace(url: str, count: int, taken_s: float, deadline_s: float) -> None:
    if taken_s > deadline_s:
        raise UnreachableError(f"{url} was not complete after {deadline_s:.0f} s")
    if taken_s > GRACE_S and count < taken_s * LEAST_BYTES_PER_S:
        raise UnreachableError(f"{url} comes at less than {LEAST_BYTES_PER_S:,} bytes a second")


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except TidegateError:
        raise
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split())[:200]
        raise UnreachableError(
            f"{url} cannot be reached: {reason}", "check network, proxy and URL"
        ) from error
