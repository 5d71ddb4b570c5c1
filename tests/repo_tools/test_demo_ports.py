"""The demo's hosts share one machine, and its ports with everything else that runs there."""

import socket

import pytest

from repo_tools.demo.fleet import Port


def listening(port: int) -> socket.socket:
    """Return a server as most are: it may come back to a port that it has just left."""
    return socket.create_server(("127.0.0.1", port))


def test_a_port_stays_with_its_host_while_the_service_restarts():
    """Two hosts once had one port, so that one waited for ever behind the service of the other."""
    held = Port()
    port = held.number
    for _ in range(2):
        with listening(port) as service, socket.create_connection(("127.0.0.1", port)) as line:
            service.accept()[0].close()
            assert line.recv(1) == b""
    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(("127.0.0.1", port))


def test_a_port_is_free_again_when_its_host_is_gone():
    """A long run of many hosts keeps no port of those that have ended."""
    number = Port().number
    with socket.socket() as next_one:
        next_one.bind(("127.0.0.1", number))
        assert next_one.getsockname()[1] == number
