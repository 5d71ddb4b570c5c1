"""A place for reports that misbehaves as it is told, and notes what it was shown."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, **headers: str) -> Answer:
    """Return an answer of one status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


@dataclass
class Taker:
    """One running place."""

    url: str = ""
    answer: Answer = field(default_factory=lambda: status(201))
    taken: dict[str, bytes] = field(default_factory=dict)
    """By path, whatever was answered."""
    shown: list[Message] = field(default_factory=list)
    """The headers of each request."""
    over: threading.Event = field(default_factory=threading.Event)

    def envelopes(self) -> list[Any]:
        """Return everything that came, in the order in which it came."""
        return [one for body in self.taken.values() for one in json.loads(body)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the stories."""


@contextmanager
def taking() -> Iterator[Taker]:
    """Take reports on loopback until the block ends."""
    taker = Taker()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            """Note what comes, and answer as told."""
            taker.shown.append(self.headers)
            taker.taken[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.close_connection = True
            taker.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    taker.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield taker
    finally:
        taker.over.set()
        server.shutdown()
        server.server_close()
