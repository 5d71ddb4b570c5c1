"""How a tick speaks to the supervisor: one JSON line each way over a socket in the state folder.

What is asked keeps its meaning for good: tick and supervisor are of different versions while one of them is
on trial. Standard library only: the supervisor imports this.
"""

import json
import os
import socket
from pathlib import Path
from typing import Any

from agent import plain

NAME = "control.sock"
ANSWER_S = 10
MAX_LINE_BYTES = 65_536


class NoSupervisorError(Exception):
    """Nobody listens: ``tidegate-agent run`` is not at work here."""


def ask(state: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request and return the answer.

    Raises:
        NoSupervisorError: Nobody listens, or the supervisor ended in between.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(ANSWER_S)
        try:
            with _address(state) as address:
                line.connect(address.path)
            line.sendall(json.dumps(request).encode() + b"\n")
            answer = plain.table(receive(line))
        except (OSError, ValueError) as error:
            raise NoSupervisorError(str(error)) from error
    return answer


def receive(line: socket.socket) -> bytes:
    """Return one line from a socket."""
    data = b""
    while not data.endswith(b"\n") and len(data) < MAX_LINE_BYTES:
        block = line.recv(4096)
        if not block:
            break
        data += block
    return data


def listen(state: Path) -> socket.socket:
    """Return the listening socket; only the agent's own user may connect."""
    (state / NAME).unlink(missing_ok=True)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _address(state) as address:
            line.bind(address.path)
    finally:
        os.umask(before)
    line.listen(8)
    line.setblocking(False)
    return line


def is_open(state: Path) -> bool:
    """Return whether the socket is where it is looked for."""
    return (state / NAME).exists()


class _address:  # noqa: N801 (used like a function)
    """The socket by way of an open folder: a socket's path may have 107 bytes, a state folder more."""

    def __init__(self, state: Path) -> None:
        self._folder = os.open(state, os.O_PATH | os.O_DIRECTORY)
        self.path = f"/proc/self/fd/{self._folder}/{NAME}"

    def __enter__(self) -> "_address":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)
