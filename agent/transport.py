"""Requests to a server that may be anything: bounded in time, in redirects, and in who sees credentials.

A socket's own time limit begins anew with each byte. So a clock beside the request cuts the connection when
the time is over, in the middle of the headers too. What comes over it is not looked at here.
"""

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
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


class _Noted:
    """Mixed into urllib3's connections: each is noted from its first moment on."""

    connections: ClassVar[Connections]

    def _new_conn(self) -> socket.socket:
        return self.connections.opened(super()._new_conn())  # type: ignore[misc]  # the other parent's


class _Adapter(HTTPAdapter):
    """Opens connections that are noted, through a proxy too."""

    def __init__(self, connections: Connections) -> None:
        noted = {"connections": connections}
        plain = type("Plain", (_Noted, HTTPConnection), noted)
        secure = type("Secure", (_Noted, HTTPSConnection), noted)
        self._pools = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        super().__init__()

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        """Make the pools for direct connections."""
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **named: Any) -> urllib3.ProxyManager:
        """Return the pools for connections through a proxy."""
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = self._pools
        return manager


class Session(requests.Session):
    """Leaves redirects to its user; otherwise it reads the whole body of one, even to follow none."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target."""


class Transport:
    """One session with servers, one request at a time."""

    def __init__(self, network: Network, user_agent: str) -> None:
        self._network = network
        self._connections = Connections()
        self._session = Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(self._connections))
        self._session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "identity"})

    @contextlib.contextmanager
    def answer(self, url: str, headers: Mapping[str, str], deadline_s: float) -> Iterator[requests.Response]:
        """Give the answer to a request; what is not read to its end in time is cut.

        Raises:
            UnreachableError: The time is over, or a redirect leads nowhere.
            OSError, urllib3.exceptions.HTTPError: What requests and urllib3 raise.
        """
        late = UnreachableError(f"{url} was not complete after {deadline_s:.0f} s", "try again later")
        self._connections.over = whole = False
        clock = threading.Timer(max(0, deadline_s), self._connections.end)
        clock.daemon = True
        clock.start()
        try:
            with contextlib.closing(self._follow(url, headers, time.monotonic() + deadline_s)) as answer:
                yield answer
            whole = True
        except (OSError, urllib3.exceptions.HTTPError) as error:
            if self._connections.over:
                raise late from error
            raise
        finally:
            clock.cancel()
            if not whole:
                self._connections.cut()
        if self._connections.over:  # what ends with its connection seemed to be complete
            raise late

    def _follow(self, url: str, headers: Mapping[str, str], until_s: float) -> requests.Response:
        """Ask, and go where the answer leads; what is meant for one server is shown to no other."""
        first, home = url, origin(url)
        for _ in range(1 + MOST_REDIRECTS):
            answer = self._ask(url, headers, until_s, at_home=origin(url) == home)
            target = answer.headers.get("Location")
            if answer.status_code not in REDIRECTS or target is None:
                return answer
            answer.close()
            url = urljoin(url, target)
            if urlsplit(url).scheme != "https":
                raise UnreachableError(f"{first} redirects to {url}, which is not https", "tell its owner")
        raise UnreachableError(f"{first} redirects more than {MOST_REDIRECTS} times", "tell its owner")

    def _ask(
        self, url: str, headers: Mapping[str, str], until_s: float, *, at_home: bool
    ) -> requests.Response:
        """Ask a server, and once more where it is busy and says for how long."""
        answer = self._get(url, headers, at_home=at_home)
        pause = answer.headers.get("Retry-After", "")
        if answer.status_code not in BUSY or not pause.isdecimal():
            return answer
        if int(pause) > min(MOST_RETRY_AFTER_S, until_s - time.monotonic()):
            return answer
        answer.close()
        time.sleep(int(pause))
        return self._get(url, headers, at_home=at_home)

    def _get(self, url: str, headers: Mapping[str, str], *, at_home: bool) -> requests.Response:
        network = self._network
        certificate = (network.certificate, network.key) if network.key else network.certificate
        return self._session.get(
            url,
            headers={**(network.headers if at_home else {}), **headers},
            cert=(certificate or None) if at_home else None,
            stream=True,
            timeout=(CONNECT_S, network.patience_s / 2),
            **route(network),
        )


def route(network: Network) -> dict[str, Any]:
    """Return what requests must be told about the way out; the environment counts where nothing is set."""
    proxies = {"http": network.proxy, "https": network.proxy} if network.proxy else None
    return {"proxies": proxies, "verify": network.ca or None}


def origin(url: str) -> tuple[str, str]:
    """Return scheme, host and port of a URL (RFC 6454): whom a credential is shown to."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
