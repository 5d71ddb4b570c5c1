"""Somebody between a client and a real S3: counts what is asked, and can be deaf to conditions.

Some servers that look like S3 accept ``If-None-Match`` and ``If-Match`` and ignore them. SeaweedFS does
not; with the conditions taken out on the way, it behaves like one of those. The signature covers the
conditions, so that what goes on is signed anew, by the owner.
"""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.seaweed import Bucket, credentials

CONDITIONS = frozenset({"if-none-match", "if-match"})
_HOP = frozenset({"connection", "transfer-encoding", "expect"})
"""What is said between neighbours (RFC 9110, section 7.6.1)."""


@dataclass
class Middleman:
    """One running server."""

    inner: str
    """URL of the real one."""
    url: str = ""
    deaf: frozenset[str] = frozenset()
    """Headers that are taken out, in lower case."""
    clock: timedelta = timedelta(0)
    """How far the clock that dates its answers is from the real one."""
    requests: list[str] = field(default_factory=list)
    """Method, path and status of each."""

    def forget(self) -> None:
        """Count from zero again."""
        self.requests.clear()

    def before(self, bucket: Bucket) -> Bucket:
        """Return a bucket as it is seen from here."""
        return replace(bucket, server=replace(bucket.server, url=self.url, clients={}))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    middleman: Middleman
    _onward: http.client.HTTPConnection | None = None

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        if self.middleman.deaf:
            headers = self._signed_anew(headers, body)
        if self._onward is None:
            self._onward = http.client.HTTPConnection(urlsplit(self.middleman.inner).netloc)
        self._onward.request(self.command, self.path, body, headers)
        answer = self._onward.getresponse()
        data = answer.read()
        self.middleman.requests.append(f"{self.command} {self.path} {answer.status}")
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in {*_HOP, "content-length"}:
                self.send_header(name, self._dated(value) if name.lower() == "date" else value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815  # the names that are called

    def _dated(self, value: str) -> str:
        return format_datetime(parsedate_to_datetime(value) + self.middleman.clock, usegmt=True)

    def _signed_anew(self, headers: dict[str, str], body: bytes) -> dict[str, str]:
        left_out = {*self.middleman.deaf, "authorization", "host", "x-amz-date", "content-length"}
        kept = {name: value for name, value in headers.items() if name.lower() not in left_out}
        request = AWSRequest(self.command, self.middleman.inner + self.path, kept, body)
        keys = credentials()
        owner = Credentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
        S3SigV4Auth(owner, "s3", "us-east-1").add_auth(request)
        return dict(request.headers.items())

    def finish(self) -> None:
        """Hang up on both sides."""
        if self._onward is not None:
            self._onward.close()
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def between(inner: str, deaf: frozenset[str] = frozenset()) -> Iterator[Middleman]:
    """Stand between clients and the S3 at a URL until the block ends.

    Args:
        inner: Where it is.
        deaf: Headers that are not passed on.
    """
    middleman = Middleman(inner, deaf=deaf)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"middleman": middleman}))
    middleman.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield middleman
    finally:
        server.shutdown()
        server.server_close()
