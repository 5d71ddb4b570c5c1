"""A real forward proxy on loopback, which lets nobody through without a password."""

import base64
import contextlib
import select
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Proxy:
    """One running proxy."""

    port: int
    passed: list[str] = field(default_factory=list)
    """What it fetched for those who may, and to where it opened tunnels."""


class Handler(BaseHTTPRequestHandler):
    """Fetches what it is asked for, for those who may."""

    proxy: Proxy
    wanted: str

    def do_GET(self) -> None:
        """Pass a request on, or refuse it."""
        if not self._may():
            return
        try:
            with DIRECT.open(self.path, timeout=30) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        """Open a tunnel, in which it sees nothing, or refuse it."""
        if not self._may():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as there, contextlib.suppress(OSError):
            self.send_response(200)
            self.end_headers()
            _pass_on(self.connection, there)
        self.close_connection = True

    def _may(self) -> bool:
        if self.headers.get("Proxy-Authorization") != self.wanted:
            self.send_error(407)
            return False
        self.proxy.passed.append(self.path)
        return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
        """Say nothing."""


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until either side ends."""
    while True:
        for side in select.select([one, other], [], [])[0]:
            data = side.recv(65_536)
            if not data:
                return
            (other if side is one else one).sendall(data)


@contextmanager
def proxying(user: str, password: str) -> Iterator[Proxy]:
    """Pass requests on until the block ends."""
    proxy = Proxy(0)
    wanted = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    handler = type("Handler", (Handler,), {"proxy": proxy, "wanted": wanted})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
