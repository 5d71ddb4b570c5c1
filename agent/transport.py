"""Requests to a server that may be anything: bounded in time, in redirects, and in who sees credentials.

A socket's own time limit begins anew with each byte. So a clock beside the request cuts the connection when
the time is over, in the middle of the headers too. What comes over it is not looked at here.

It speaks urllib3, which the TUF client brings, and obeys the environment as requests does (ADR 33).
"""

import contextlib
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from agent.settings import Network
from metadata.errors import UnreachableError

CONNECT_S = 10
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
BUSY = frozenset({429, 503})
MOST_RETRY_AFTER_S = 10
"""What a server may ask to be waited for; a host that is told more comes with its next poll."""


class Connections:
    """The connections of one session, to be cut by whoever looks at the clock."""

    def __init__(self) -> None:
        self._handles: list[socket.socket] = []
        self.over = False
        weakref.finalize(self, _cut, self._handles)

    def opened(self, line: socket.socket) -> socket.socket:
        """Note a connection; one that comes too late is cut at once."""
        self._handles.append(line.dup())  # of its own, since TLS takes the other one over
        if self.over:
            self.cut()
        return line

    def end(self) -> None:
        """Cut everything, and whatever is opened from now on."""
        self.over = True
        self.cut()

    def cut(self) -> None:
        """Cut everything that is open."""
        _cut(self._handles)


def _cut(handles: list[socket.socket]) -> None:
    while handles:
        with handles.pop() as handle, contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)


class Clock:
    """Ends something when a time is over, and says which time that was."""

    def __init__(self, what: str, end: Callable[[], None]) -> None:
        self._what = what
        self._end = end
        self._timer = threading.Timer(0, end)

    def set(self, left_s: float, told_s: float) -> None:
        """Begin to count: ``told_s`` is what is over when ``left_s`` is."""
        self.late = UnreachableError(f"{self._what} {told_s:.0f} s", "try again later")
        self._timer = threading.Timer(max(0.0, left_s), self._end)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Let it go on for as long as it likes; an end that has begun is waited for."""
        self._timer.cancel()
        if self._timer.is_alive():
            self._timer.join()  # or it would cut what comes next


class _Noted:
    """Mixed into urllib3's connections: each is noted from its first moment on."""

    connections: ClassVar[Connections]

    def _new_conn(self) -> socket.socket:
        return self.connections.opened(super()._new_conn())  # type: ignore[misc]  # the other parent's


def _pools(connections: Connections) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools that open connections which are noted."""
    noted = {"connections": connections}
    plain = type("Plain", (_Noted, HTTPConnection), noted)
    secure = type("Secure", (_Noted, HTTPSConnection), noted)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


class Transport:
    """One session with servers, one request at a time."""

    def __init__(self, network: Network, user_agent: str) -> None:
        self._network = network
        self._connections = Connections()
        self._managers: dict[tuple[str, bool, bool], urllib3.PoolManager] = {}
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}

    @contextlib.contextmanager
    def answer(
        self, url: str, headers: Mapping[str, str], deadline_s: float
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Give the answer to a request; what is not read to its end in time is cut.

        Until it begins it has the patience of the settings alone, however long its body may take.

        Raises:
            UnreachableError: The time is over, or a redirect leads nowhere.
            OSError, urllib3.exceptions.HTTPError: What sockets and urllib3 raise.
        """
        self._connections.over = whole = False
        begun_s, first_s = time.monotonic(), min(deadline_s, self._network.patience_s)
        clock = Clock(f"{url} was not complete after", self._connections.end)
        clock.set(first_s, first_s)
        try:
            with contextlib.closing(self._follow(url, headers, begun_s + first_s)) as answer:
                clock.stop()
                if not self._connections.over:  # headers that were cut look like whole ones
                    clock.set(begun_s + deadline_s - time.monotonic(), deadline_s)
                yield answer
            whole = True
        except (OSError, urllib3.exceptions.HTTPError, UnreachableError) as error:
            if self._connections.over:  # headers that were cut seem to bring an empty body
                raise clock.late from error
            raise
        finally:
            clock.stop()
            if not whole:
                self._connections.cut()
        if self._connections.over:  # what ends with its connection seemed to be complete
            raise clock.late

    def _follow(self, url: str, headers: Mapping[str, str], until_s: float) -> urllib3.BaseHTTPResponse:
        """Ask, and go where the answer leads; what is meant for one server is shown to no other."""
        first, home = url, origin(url)
        for _ in range(1 + MOST_REDIRECTS):
            answer = self._ask(url, headers, until_s, at_home=origin(url) == home)
            target = answer.headers.get("Location")
            if answer.status not in REDIRECTS or target is None:
                return answer
            answer.close()
            url = urljoin(url, target)
            if urlsplit(url).scheme != "https":
                raise UnreachableError(f"{first} redirects to {url}, which is not https", "tell its owner")
        raise UnreachableError(f"{first} redirects more than {MOST_REDIRECTS} times", "tell its owner")

    def _ask(
        self, url: str, headers: Mapping[str, str], until_s: float, *, at_home: bool
    ) -> urllib3.BaseHTTPResponse:
        """Ask a server, and once more where it is busy and says for how long."""
        answer = self._get(url, headers, at_home=at_home)
        pause = answer.headers.get("Retry-After", "")
        if answer.status not in BUSY or not pause.isdecimal():
            return answer
        if int(pause) > min(MOST_RETRY_AFTER_S, until_s - time.monotonic()):
            return answer
        answer.close()
        time.sleep(int(pause))
        return self._get(url, headers, at_home=at_home)

    def _get(self, url: str, headers: Mapping[str, str], *, at_home: bool) -> urllib3.BaseHTTPResponse:
        network = self._network
        credentials = _basic(url) | network.headers if at_home else {}
        return self._manager(url, at_home=at_home).urlopen(
            "GET",
            url,
            redirect=False,
            retries=False,
            headers={**self._headers, **credentials, **headers},
            timeout=urllib3.Timeout(connect=CONNECT_S, read=network.patience_s / 2),
            preload_content=False,
            decode_content=False,
        )

    def _manager(self, url: str, *, at_home: bool) -> urllib3.PoolManager:
        """Return what keeps the connections to servers of a kind."""
        proxy, secure = _proxy(self._network, url), urlsplit(url).scheme == "https"
        key = proxy, secure, at_home
        if key not in self._managers:
            tls = _tls(self._network, at_home=at_home) if secure else {}
            self._managers[key] = _opened(proxy, tls)
            self._managers[key].pool_classes_by_scheme = _pools(self._connections)
        return self._managers[key]


def _opened(proxy: str, tls: Mapping[str, Any]) -> urllib3.PoolManager:
    if not proxy:
        return urllib3.PoolManager(**tls)
    where = proxy if "://" in proxy else f"http://{proxy}"
    asked = {f"Proxy-{name}": value for name, value in _basic(where).items()}
    return urllib3.ProxyManager(where, proxy_headers=asked, **tls)


def _basic(url: str) -> dict[str, str]:
    """Return what shows the user and the password of a URL (RFC 7617)."""
    who = urlsplit(url).netloc.rpartition("@")[0]
    shown: dict[str, str] = urllib3.make_headers(basic_auth=unquote(who)) if who else {}
    return {name.title(): value for name, value in shown.items()}


def _tls(network: Network, *, at_home: bool) -> dict[str, Any]:
    """Return whom to believe and, for the repository itself, who asks."""
    said = (network.ca, *map(os.environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")))
    ca = next(filter(None, said), None) or _usual_ca()
    believed = {"cert_reqs": "CERT_REQUIRED", "ca_cert_dir" if Path(ca).is_dir() else "ca_certs": ca}
    if not (at_home and network.certificate):
        return believed
    return believed | {"cert_file": network.certificate, "key_file": network.key or None}


def _usual_ca() -> str:
    import certifi  # noqa: PLC0415 (most private networks have an authority of their own)

    return certifi.where()


def _proxy(network: Network, url: str) -> str:
    """Return the proxy on the way to a URL, empty for none; the environment counts where nothing is set."""
    if network.proxy or not any(name.lower().endswith("_proxy") for name in os.environ):
        return network.proxy
    from requests.utils import get_environ_proxies, select_proxy  # noqa: PLC0415 (45 ms of each poll)

    return select_proxy(url, get_environ_proxies(url)) or ""


def origin(url: str) -> tuple[str, str]:
    """Return scheme, host and port of a URL (RFC 6454): whom a credential is shown to."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
