"""Where a published history is read from: a web server, or a store.

What comes is not believed: sizes and times are bounded, and everything else is for those who read it.
"""

import contextlib
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import requests
import urllib3
from requests.adapters import HTTPAdapter

from metadata.errors import MalformedError, TidegateError, UnreachableError, UntrustedError
from repo_tools import files
from repo_tools.audit.readonly import Reading, ReadOnly
from repo_tools.store import open_store, split

MAX_BYTES = 5_000_000
"""The largest metadata that TUF clients read (python-tuf's ``targets_max_length``)."""
TIMEOUT_S = (10, 30)
"""To connect, and the longest silence in an answer."""
DEADLINE_S = 120
"""For one file of metadata."""
_ABSENT = frozenset({403, 404, 410})
"""Object stores that may not be listed say 403 for what is not there."""
_HINT = "check network, proxy and URL"


class WebStore(ReadOnly):
    """A repository that a web server serves."""

    lanes = 16
    """Requests at a time: a history is thousands of small files, and each costs a round trip."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": "tidegate", "Accept-Encoding": "identity"})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=self.lanes))

    @property
    def location(self) -> str:
        """The URL."""
        return self._url

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None when there is none.

        Raises:
            UnreachableError: The server does not answer, or sends too much.
        """
        found, begun = bytearray(), time.monotonic()
        with contextlib.closing(self._blocks(name)) as blocks:
            for block in blocks:
                if block is None:
                    return None
                found += block
                if len(found) == len(block):
                    _refuse_page(f"{self.location}/{name}", found)
                if len(found) > MAX_BYTES or time.monotonic() - begun > DEADLINE_S:
                    raise UnreachableError(f"{self.location}/{name} is too large or too slow", _HINT)
        return bytes(found)

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""
        return self.size_bytes(name) is not None

    def size_bytes(self, name: str) -> int | None:
        """Return how long a file is, or None when there is none."""
        with _translated(self.location), self._ask("HEAD", name) as answer:
            if answer.status_code in _ABSENT:
                return None
            said = answer.headers.get("Content-Length", "")
            if answer.status_code == 200 and said.isdecimal():
                return int(said)
        try:
            return sum(map(len, self.stream(name)))  # not every server says it without sending the file
        except UntrustedError:
            return None

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a large file's content.

        Raises:
            UntrustedError: There is none.
            UnreachableError: The server does not answer.
        """
        for block in self._blocks(name):
            if block is None:
                raise UntrustedError(f"{name} is missing in {self.location}")
            yield block

    def _blocks(self, name: str) -> Generator[bytes | None, None, None]:
        with _translated(self.location), self._ask("GET", name) as answer:
            if not _there(answer):
                yield None
                return
            yield from answer.iter_content(files.CHUNK_BYTES)

    def _ask(self, method: str, name: str) -> requests.Response:
        url = f"{self.location}/{quote(name)}"
        return self._session.request(method, url, stream=True, timeout=TIMEOUT_S)


def open_source(location: str, beside: Path) -> Reading:
    """Return what a URL or a folder names, for reading.

    Raises:
        UsageError: It is neither.
    """
    if split(location).scheme in {"http", "https"}:
        return WebStore(location)
    return open_store(location, beside)


def _refuse_page(where: str, begun: bytearray) -> None:
    """Refuse a web page in the place of metadata: some servers have one for whatever is not there."""
    if begun.lstrip()[:1] == b"<":
        hint = "this server must answer 404 for what is not there, and never with a page of its own"
        raise MalformedError(f"{where} is a web page, and no metadata", hint)


def _there(answer: Any) -> bool:
    if answer.status_code in _ABSENT:
        return False
    if answer.status_code != 200:
        raise UnreachableError(f"{unquote(answer.url)} answered HTTP {answer.status_code}", _HINT)
    return True


@contextlib.contextmanager
def _translated(location: str) -> Iterator[None]:
    try:
        yield
    except TidegateError:
        raise
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UnreachableError(f"{location} cannot be read: {reason}", _HINT) from error
