"""A real web server over a folder: it counts requests and can be told to misbehave, file by file."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Web:
    """One running server."""

    url: str
    requests: list[str] = field(default_factory=list)
    ranges: list[tuple[str, int]] = field(default_factory=list)
    """What was asked for from the middle on: path and first byte."""
    headers: list[tuple[str, Message]] = field(default_factory=list)
    """What came with each request."""
    heads: list[str] = field(default_factory=list)
    """What was looked at without being read."""
    heads_allowed: bool = True
    body_bytes: int = 0
    faults: dict[str, "Fault"] = field(default_factory=dict)
    """By the end of the path that is asked for."""

    def forget(self) -> None:
        """Count from zero again."""
        self.requests.clear()
        self.headers.clear()
        self.ranges.clear()
        self.body_bytes = 0

    def asked(self, ending: str) -> int:
        """Return how often something was asked for."""
        return sum(path.endswith(ending) for path in self.requests)


class Handler(SimpleHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    web: Web

    def do_GET(self) -> None:
        """Answer with a fault, or with the file."""
        self.web.requests.append(self.path)
        self.web.headers.append((self.path, self.headers))
        for ending, fault in list(self.web.faults.items()):
            if self.path.endswith(ending):
                self.close_connection = True
                fault(self)
                return
        self.serve_file()

    def do_HEAD(self) -> None:
        """Answer with a fault, or with what a file is like."""
        self.web.heads.append(self.path)
        faults = [fault for ending, fault in self.web.faults.items() if self.path.endswith(ending)]
        if not self.web.heads_allowed:
            self.send_error(405)
        elif faults:
            self.close_connection = True
            faults[0](self)
        else:
            super().do_HEAD()

    def serve_file(self) -> None:
        """Answer with the file, or the rest of it."""
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        path = Path(self.translate_path(self.path))
        if start == 0 or not path.is_file():
            super().do_GET()
            return
        self.web.ranges.append((self.path, start))
        data = path.read_bytes()[start:]
        self.send_response(206)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.web.body_bytes += len(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 (as above)
        """Answer errors in few bytes, as static hosts do."""
        body = f"{code}\n".encode()
        self.send_response(code, message)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.web.body_bytes += len(body)

    def copyfile(self, source: object, outputfile: object) -> None:
        """Copy a file's bytes and count them."""
        data = source.read()  # type: ignore[attr-defined]
        self.web.body_bytes += len(data)
        outputfile.write(data)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
        """Say nothing."""


Fault = Callable[[Handler], None]
"""Answers a request in place of the file."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of many stories."""


@contextmanager
def serving(folder: Path, tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    """Serve ``folder`` on loopback until the block ends."""
    web = Web("")
    handler = type("Handler", (Handler,), {"web": web})
    server = _Server(("127.0.0.1", 0), lambda *given: handler(*given, directory=str(folder)))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    web.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()


def answer(status: int, body: bytes = b"") -> Fault:
    """Return a fault that answers with a status and a body."""

    def fault(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return fault


def cut(body: bytes, after: int, *, reset: bool = False) -> Fault:
    """Return a fault that promises a whole body and hangs up in the middle, or resets the connection."""

    def fault(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:after])
        if reset:
            handler.wfile.flush()
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()

    return fault


def endless(handler: Handler) -> None:
    """Send for as long as the other side listens."""
    flood(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65_536))(handler)


def flood(start: bytes, then: bytes) -> Fault:
    """Return a fault that begins an answer as it likes, and goes on with the same for ever."""

    def fault(handler: Handler) -> None:
        handler.wfile.write(start)
        while True:
            handler.wfile.write(then)

    return fault


def drip(start: bytes, then: bytes = b"a") -> Fault:
    """Return a fault that begins an answer, and goes on so slowly that it has no end."""

    def fault(handler: Handler) -> None:
        handler.wfile.write(start)
        while True:
            handler.wfile.write(then)
            time.sleep(0.1)

    return fault


def redirect(url: str) -> Fault:
    """Return a fault that sends elsewhere."""

    def fault(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return fault


def busy(status: int, retry_after: str) -> Fault:
    """Return a fault that asks to come again later."""

    def fault(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Retry-After", retry_after)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return fault


def once(action: Callable[[], object]) -> Fault:
    """Return a fault that does something the first time, and then serves the file."""
    waiting = [action]

    def fault(handler: Handler) -> None:
        if waiting:
            waiting.pop()()
        handler.serve_file()

    return fault


def silent(until: threading.Event) -> Fault:
    """Return a fault that answers nothing until it may end."""

    def fault(handler: Handler) -> None:
        until.wait(120)

    return fault


def first(fault: Fault, then: Fault = Handler.serve_file) -> Fault:
    """Return a fault that misbehaves the first time, and then serves the file."""
    waiting = [fault]

    def answers(handler: Handler) -> None:
        (waiting.pop() if waiting else then)(handler)

    return answers


def whole(handler: Handler) -> None:
    """Serve the whole file, whatever part was asked for."""
    del handler.headers["Range"]
    handler.serve_file()


def hang_up(handler: Handler) -> None:
    """End the connection without an answer."""
    handler.connection.shutdown(socket.SHUT_RDWR)
