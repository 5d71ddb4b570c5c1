"""A real webhook: it keeps what it is sent, and may fail as often as it is told to."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What was sent to it."""

    url: str
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers, by lower-case names, and body of each message that it took."""
    failures: int = 0
    """How many requests it answers with an error before it takes one."""
    answer: Callable[[Any], None] | None = None
    """Answers in its place."""
    asked: list[str] = field(default_factory=list)
    """The path of each request, whatever was answered."""

    @property
    def types(self) -> list[str]:
        """What kinds of events it was told, in the order in which they came."""
        return [self.body(place)["type"] for place in range(len(self.taken))]

    def body(self, place: int) -> Any:
        """Return one message."""
        return json.loads(self.taken[place][1])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._lines: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        """Note each connection."""
        line, address = super().get_request()
        self._lines.append(line)
        return line, address

    def server_close(self) -> None:
        """Cut what is still open."""
        super().server_close()
        for line in self._lines:
            with suppress(OSError):  # most are closed
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Senders that hang up are part of the stories."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Start a webhook on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.asked.append(self.path)
            if receiver.answer:
                receiver.answer(self)
                return
            failing = receiver.failures > 0
            receiver.failures -= failing
            if not failing:
                receiver.taken.append(({name.lower(): text for name, text in self.headers.items()}, body))
            self.send_response(503 if failing else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Server(Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
