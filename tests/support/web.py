"""A real web server over a folder: it counts requests and can be told to misbehave, file by file."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Fault = Callable[[SimpleHTTPRequestHandler], None]
"""Answers a request in place of the file."""


@dataclass
class Web:
    """One running server."""

    url: str
    requests: list[str] = field(default_factory=list)
    body_bytes: int = 0
    faults: dict[str, Fault] = field(default_factory=dict)
    """By the end of the path that is asked for."""

    def forget(self) -> None:
        """Count from zero again."""
        self.requests.clear()
        self.body_bytes = 0


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def do_GET(self) -> None:
        self.web.requests.append(self.path)
        for ending, fault in list(self.web.faults.items()):
            if self.path.endswith(ending):
                self.close_connection = True
                fault(self)
                return
        super().do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer errors in few bytes, as static hosts do."""
        body = f"{code}\n".encode()
        self.send_response(code, message)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.web.body_bytes += len(body)

    def copyfile(self, source: object, outputfile: object) -> None:
        data = source.read()  # type: ignore[attr-defined]
        self.web.body_bytes += len(data)
        outputfile.write(data)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of many stories."""


@contextmanager
def serving(folder: Path) -> Iterator[Web]:
    """Serve ``folder`` on loopback until the block ends."""
    web = Web("")
    handler = type("Handler", (_Handler,), {"web": web})
    server = _Server(("127.0.0.1", 0), lambda *given: handler(*given, directory=str(folder)))
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()


def answer(status: int, body: bytes = b"") -> Fault:
    """Return a fault that answers with a status and a body."""

    def fault(handler: SimpleHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return fault


def cut(body: bytes, after: int) -> Fault:
    """Return a fault that promises a whole body and hangs up in the middle."""

    def fault(handler: SimpleHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:after])

    return fault
