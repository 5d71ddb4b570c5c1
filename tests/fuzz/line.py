"""A server that answers whatever is asked with the same bytes, and hangs up."""

import contextlib
import socket
import threading
from functools import cache

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "a"\r\n\r\nhello'
REQUEST_BYTES = 8_192


class Line:
    """One running server."""

    def __init__(self) -> None:
        self.says = ANSWER
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                connection.recv(REQUEST_BYTES)
                connection.sendall(self.says)


@cache
def line() -> Line:
    """Return the one server of this process."""
    return Line()
