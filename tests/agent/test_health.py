"""Questions about health: what counts as an answer, over real sockets and with real commands."""

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent.health import Answer, Health
from agent.services.systemd import BOOTED, span_s
from metadata.release import Probe
from repo_tools.demo.fleet import Port

ANSWERS = {
    "/text": (200, "status: ready, 3 peers"),
    "/json": (200, '{"checks": [{"a/b": {"state": "up"}}], "ready": true, "peers": 3, "lag": null}'),
    "/sick": (503, "ready"),
    "/moved": (302, "ready"),
    "/large": (200, "x" * 100_000 + " ready"),
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers from the table."""

    def do_GET(self) -> None:
        """Send what stands there."""
        status, text = ANSWERS[self.path]
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of answers."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def ask(entry: Probe) -> Answer:
    """Return the answer to one probe."""
    return Health((entry,), Path("/")).all_well()


@pytest.mark.parametrize(
    ("path", "asked", "ok"),
    [
        ("/text", {}, True),
        ("/text", {"expect": "ready"}, True),
        ("/text", {"expect": "read"}, False),
        ("/text", {"expect": "sick"}, False),
        ("/large", {"expect": "ready"}, False),
        ("/sick", {"expect": "ready"}, False),
        ("/sick", {"status": 503, "expect": "ready"}, True),
        ("/moved", {}, False),
        ("/json", {"json": "/ready", "expect": "true"}, True),
        ("/json", {"json": "/ready", "expect": "True"}, False),
        ("/json", {"json": "/peers", "expect": "3"}, True),
        ("/json", {"json": "/lag", "expect": "null"}, True),
        ("/json", {"json": "/checks/0/a~1b/state", "expect": "up"}, True),
        ("/json", {"json": "/checks/0/a~1b/state", "expect": "down"}, False),
        ("/json", {"json": "/checks/7", "expect": "up"}, False),
        ("/json", {"json": "/checks/x", "expect": "up"}, False),
        ("/json", {"json": "/ready/deeper", "expect": "up"}, False),
        ("/json", {"json": "/absent", "expect": "up"}, False),
        ("/text", {"json": "/ready", "expect": "true"}, False),
    ],
)
def test_an_http_answer_is_judged_by_status_word_and_value(port, path, asked, ok):
    """The status counts, then the word in the body, or the value at a place in the JSON."""
    answer = ask(Probe(http=f"http://127.0.0.1:{port}{path}", **asked))
    assert answer.ok is ok, answer.text


def test_a_port_that_accepts(port):
    """A connection is all that tcp asks for."""
    assert ask(Probe(tcp=f"127.0.0.1:{port}")).ok
    assert not ask(Probe(tcp=f"127.0.0.1:{Port()}")).ok


def test_a_server_that_never_answers():
    """A server that accepts and says nothing is unwell when its time is over."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert not ask(Probe(http=url, timeout_s=1)).ok


def test_a_unit_where_there_is_no_systemd():
    """A host that does not run systemd cannot answer for a unit, and says why."""
    if BOOTED.is_dir():
        pytest.skip("this machine runs systemd")
    assert "does not run systemd" in ask(Probe(systemd="nats.service")).text


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"http": "http://127.0.0.1/", "tcp": "127.0.0.1:1"},
        {"http": "http://127.0.0.1/", "json": "/ready"},
        {"http": "http://127.0.0.1/", "json": "ready", "expect": "true"},
        {"tcp": "127.0.0.1:1", "json": "/ready", "expect": "true"},
        {"systemd": "nats.timer"},
        {"systemd": "nats.service", "exec": ["true"]},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(entry):
    """Exactly one kind, and a value only where there is an answer to look in."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(entry, Probe)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("1min 30s", 90), ("3s", 3), ("500ms", 0.5), ("1h 2min 3s", 3_723), ("1d", 86_400)),
        *(("2.5s", 2.5), ("infinity", 600), ("", 600), ("1month", 2_629_800)),
    ],
)
def test_spans_are_read_as_systemd_prints_them(text, seconds):
    """A unit's limits are in words; one without an end counts as ten minutes."""
    assert span_s(text) == pytest.approx(seconds)
