"""What others than a repository say: a product that is asked how it is, gpgv, and whoever takes reports."""

import tempfile
from functools import cache
from pathlib import Path

from agent import health
from agent.attestations import _verify
from agent.journal import Event, Journal
from agent.reports.sending import _send as put
from agent.settings import Network
from metadata.release import Probe
from repo_tools.notices.posting import _send as post
from tests.fuzz.line import line
from tests.fuzz.parser import Parser, fresh, scratch
from tests.support.gpg import signatory

NAME = "release@example.com"
BODY = b'{"checks": [{"state": "up"}], "ready": true}'
WELL = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
PACKED = b"an artifact"
TAKEN = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 307 Elsewhere\r\nLocation: https://hooks.example.com/\r\nContent-Length: 0\r\n\r\n"


def _told(answer: health.Answer) -> object:
    """Note an answer as an event of the journal, which is what becomes of it."""
    with fresh("told") as folder:
        journal = Journal(folder / "journal.db")
        try:
            event = Event(product="agent", stage="update_healthcheck", outcome="ok", detail=answer.text)
            journal.add(event)
            return journal.events()
        finally:
            journal.close()


def _over_http(data: bytes) -> object:
    line().says = data
    probe = Probe(http=line().url, json="/checks/0/state", expect="up", timeout_s=1)
    return _told(health.probe(probe, Path("/")))


def _value(data: bytes) -> object:
    """Judge the body of an answer that came whole."""
    length = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data)
    return _over_http(length + data)


def _of_a_command(data: bytes) -> object:
    path = scratch("said") / "output"
    path.write_bytes(data)
    return _told(health.probe(Probe(exec=["/bin/cat", str(path)], expect="1.5.0"), path.parent))


@cache
def _signed() -> tuple[bytes, bytes]:
    """Return a keyring and a signature by its key; the socket of gpg's agent needs a short path."""
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        signer = signatory(Path(folder, "home"), NAME, "ed25519")
        packed = Path(folder, "packed")
        packed.write_bytes(PACKED)
        try:
            made = signer.gpg("--armor", "--detach-sign", "--output", "-", str(packed))
            return signer.keyring().read_bytes(), made
        finally:
            signer.close()


def _by_gpgv(signature: bytes, keyring: bytes) -> None:
    with fresh("signatures") as folder:
        kept = {"public.gpg": keyring, "packed.gpg": signature, "packed": PACKED}
        for name, data in kept.items():
            (folder / name).write_bytes(data)
        _verify(*(folder / name for name in kept))


def _dropped(data: bytes) -> object:
    line().says = data
    return str(put(line().url, b"[]", {}, Network())).encode()


def _posted(data: bytes) -> object:
    line().says = data
    return post(line().url, b"{}", {}).said.encode()


SIGNING = ("agent/attestations.py", "agent/commands.py")
PROBING = ("agent/health.py",)
PARSERS = (
    Parser("answer of a product", _over_http, lambda: [WELL, CHUNKED], PROBING),
    Parser("value that a product answers", _value, lambda: [BODY], PROBING),
    Parser("output of a command", _of_a_command, lambda: [b"agent 1.5.0\n"], ("agent/commands.py",)),
    Parser("signature for gpgv", lambda data: _by_gpgv(data, _signed()[0]), lambda: [_signed()[1]], SIGNING),
    Parser("keyring for gpgv", lambda data: _by_gpgv(_signed()[1], data), lambda: [_signed()[0]], SIGNING),
    Parser("answer of a drop box", _dropped, lambda: [TAKEN], ("agent/reports/sending.py",)),
    Parser("answer of a webhook", _posted, lambda: [TAKEN, BUSY, MOVED], ("repo_tools/notices/posting.py",)),
)
