"""A real forward proxy on loopback, which lets nobody through without a password."""

import base64
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
    """What it fetched for those who may."""


class Handler(BaseHTTPRequestHandler):
    """Fetches what it is asked for, for those who may."""

    proxy: Proxy
    wanted: str

    def do_GET(self) -> None:
        """Pass a request on, or refuse it."""
        if self.headers.get("Proxy-Authorization") != self.wanted:
            self.send_error(407)
            return
        self.proxy.passed.append(self.path)
        try:
            with DIRECT.open(self.path, timeout=30) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
        """Say nothing."""


@contextmanager
def proxying(user: str, password: str) -> Iterator[Proxy]:
    """Pass plain HTTP on until the block ends."""
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
