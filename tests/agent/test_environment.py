"""What a host's environment says about the network: it counts where the settings say nothing."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.fetch import Fetcher
from repo_tools.demo.fleet import Port
from tests.support.proxy import Proxy, proxying
from tests.support.tls import Authority
from tests.support.web import Handler, Web, serving

FETCH = """
import sys
from agent.fetch import Fetcher
from agent.settings import Network
from metadata.errors import UnreachableError
try:
    print(Fetcher(Network(proxy=sys.argv[2], ca=sys.argv[3], patience_s=20)).get(sys.argv[1], 100).decode())
except UnreachableError as error:
    print(error.message)
"""
"""A process of its own, since each has one environment."""
NETWORKING = ("_proxy", "_ca_bundle", "netrc", "home")


@dataclass(frozen=True)
class Place:
    """A file on two servers, a way there, and a way that leads nowhere."""

    plain: Web
    secure: Web
    proxy: Proxy
    ca: Path
    nowhere: str

    @property
    def way(self) -> str:
        """The proxy with its password, which has to be quoted."""
        return self.through("p%40ss")

    def through(self, password: str) -> str:
        """Return how the proxy is named with a password."""
        return f"http://host:{password}@127.0.0.1:{self.proxy.port}"

    def fetch(self, web: Web, *, proxy: str = "", ca: str = "", **environment: str) -> str:
        """Fetch the file in a process with this environment, and return what came or why nothing did."""
        web.forget()
        self.proxy.passed.clear()
        kept = {key: text for key, text in os.environ.items() if not key.lower().endswith(NETWORKING)}
        line = [sys.executable, "-c", FETCH, f"{web.url}/file", proxy, ca]
        done = subprocess.run(line, env={**kept, **environment}, capture_output=True, text=True, check=True)
        return done.stdout.strip()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Everything that is asked, and what it is asked through."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "file").write_text("content")
    mine = Authority(folder / "authority")
    with (
        serving(folder) as plain,
        serving(folder, tls=mine.server()) as secure,
        proxying("host", "p@ss") as proxy,
    ):
        yield Place(plain, secure, proxy, mine.file, f"http://127.0.0.1:{Port()}")


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment(place, name):
    """Its user and password are shown to it, and to nobody behind it."""
    assert place.fetch(place.plain, **{name: place.way}) == "content"
    assert place.proxy.passed == [f"{place.plain.url}/file"]
    assert "Proxy-Authorization" not in place.plain.headers[0][1]


@pytest.mark.parametrize(
    ("said", "through"),
    [
        *(("127.0.0.1", False), ("127.0.0.0/8", False), ("example.com, 127.0.0.1", False), ("*", False)),
        *(("", True), (".example.com", True), ("10.0.0.0/8", True), ("127.0.0.1:9", True)),
    ],
)
def test_what_no_proxy_exempts(place, said, through):
    """A name, an address, a network or everything is asked directly; all else through the proxy."""
    assert place.fetch(place.plain, http_proxy=place.way, no_proxy=said) == "content"
    assert bool(place.proxy.passed) is through


def test_a_tunnel_for_https(place):
    """A proxy learns where a host goes and nothing more: the certificate is that of the repository."""
    said = place.fetch(place.secure, https_proxy=place.way, ca=str(place.ca))
    assert (said, place.proxy.passed) == ("content", [place.secure.url.removeprefix("https://")])
    assert "cannot be reached" in place.fetch(place.secure, https_proxy=place.way)


def test_a_tunnel_that_is_refused(place):
    """A wrong password of the settings ends as a server that is not reached does."""
    assert "407" in place.fetch(place.secure, proxy=place.through("wrong"), ca=str(place.ca))
    assert place.secure.requests == []


def test_the_settings_go_before_the_environment(place):
    """What an operator wrote down for the agent is not overruled by what a login shell has."""
    said = place.fetch(place.plain, proxy=place.way, http_proxy=place.nowhere, no_proxy="*")
    assert (said, len(place.proxy.passed)) == ("content", 1)
    other = str(place.ca.with_name("server.pem"))
    assert place.fetch(place.secure, ca=str(place.ca), REQUESTS_CA_BUNDLE=other) == "content"


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_an_authority_of_the_environment(place, name):
    """It is believed where the settings name none; without it, only the usual ones are."""
    assert place.fetch(place.secure, **{name: str(place.ca)}) == "content"
    assert "certificate" in place.fetch(place.secure)


def test_a_netrc_is_not_read(place, tmp_path):
    """A password that a person keeps for this server is not the agent's to show."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login host password secret\ndefault login host password secret\n")
    netrc.chmod(0o600)
    assert place.fetch(place.plain, HOME=str(tmp_path), NETRC=str(netrc)) == "content"
    assert [headers["Authorization"] for _, headers in place.plain.headers] == [None]


def test_what_a_server_says_it_packed_is_not_unpacked(place):
    """Nothing but the file itself is asked for: what was signed is what comes, and no bomb is opened."""
    packed = gzip.compress(bytes(10_000_000))

    def bomb(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(packed)))
        handler.end_headers()
        handler.wfile.write(packed)

    place.plain.forget()
    place.plain.faults["/packed"] = bomb
    assert Fetcher().get(f"{place.plain.url}/packed", len(packed)) == packed
    assert place.plain.headers[0][1]["Accept-Encoding"] == "identity"
