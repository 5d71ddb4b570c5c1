"""A wire to a server on loopback, which is cut and mended: a browser takes it for its proxy (RFC 1928)."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit

_NO_PASSWORD = b"\x05\x00"
_CONNECTED = b"\x05\x00\x00\x01" + bytes(6)


class Wire(ThreadingTCPServer):
    """Carries bytes to one server, whatever they are and whoever is asked for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Carrier)
        there = urlsplit(url)
        self.end = (there.hostname, there.port)
        self.url = f"socks5://127.0.0.1:{self.server_address[1]}"
        self.is_cut = False
        self.lines: list[socket.socket] = []

    def cut(self) -> None:
        """Hang up on everybody, and take no call until it is mended."""
        self.is_cut = True
        for line in self.lines:
            with suppress(OSError):  # who hung up before
                line.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Take calls again."""
        self.is_cut = False


class _Carrier(StreamRequestHandler):
    server: Wire

    def handle(self) -> None:
        with socket.create_connection(self.server.end) as there:
            self.server.lines += [self.connection, there]
            if self.server.is_cut or not self._greeted():
                return
            Thread(target=_carry, args=(there, self.connection), daemon=True).start()
            _carry(self.connection, there)

    def _greeted(self) -> bool:
        """Return whether somebody called and was let through: to a name, which is how browsers ask."""
        self.rfile.read(3)
        self.wfile.write(_NO_PASSWORD)
        *_, length = self.rfile.read(5) or b"\x00"
        self.wfile.write(_CONNECTED)
        return bool(self.rfile.read(length + 2))


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):  # cut
        while data := one.recv(65_536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


@contextmanager
def wired(url: str) -> Iterator[Wire]:
    """Lay a wire to the server at a URL until the block ends."""
    with Wire(url) as wire:
        Thread(target=wire.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield wire
        wire.cut()
        wire.shutdown()
