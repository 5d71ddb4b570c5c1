"""The way from a store to a host as it is in the world: nginx, then Varnish, then nginx with TLS."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.host import Host, eventually
from tests.support.link import FAR, Line, inside
from tests.support.nginx import SCRATCH, program
from tests.support.tls import Authority

CACHE = ROOT / ".cache" / "varnish"
PACKAGES = ("varnish", "libvarnishapi3", "libjemalloc2")
ORIGIN, CDN, FRONT = 8080, 6081, 443
"""Ports, in a network where nobody else is."""
VCL = f"""vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{ORIGIN}"; }}
"""
NGINX = """daemon off;
user root;
pid {folder}/nginx.pid;
events {{ }}
http {{
    access_log {folder}/access.log;
{scratch}    server {{
        listen 127.0.0.1:{origin};
        root {store};
        location = /metadata/timestamp.json {{ add_header Cache-Control "max-age=1"; }}
    }}
    server {{
        listen {far}:{front} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        location / {{ proxy_pass http://127.0.0.1:{cdn}; proxy_http_version 1.1; proxy_buffering off; }}
    }}
}}
"""


class FarHost(Host):
    """A host at the near end of a line; needs root."""

    def __init__(self, folder: Path, line: Line) -> None:
        self.line = line
        super().__init__(folder)

    def module(self, *arguments: str) -> list[str]:
        """Return a command line that runs in the network of this host."""
        return [*inside(self.line.near), *super().module(*arguments)]


@contextmanager
def served(folder: Path, store: Path, line: Line, authority: Authority) -> Iterator[str]:
    """Serve a store at the far end of a line until the block ends; the value is the URL."""
    if not shutil.which("curl"):
        pytest.skip("there is no curl to see that the way is open")
    folder.mkdir()
    (folder / "cdn.vcl").write_text(VCL)
    ports = {"origin": ORIGIN, "cdn": CDN, "front": FRONT, "far": FAR}
    places = {"folder": folder, "store": store, "scratch": SCRATCH.format(folder=folder)}
    certificate = authority.certificate("server", FAR)
    conf = NGINX.format(certificate=certificate, **places, **ports)
    (folder / "nginx.conf").write_text(conf)
    varnish, libraries = _varnish()
    origin = [program(), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    cache = [varnish, "-F", "-n", str(folder / "work"), "-a", f"127.0.0.1:{CDN}", "-j", "none"]
    cache += ["-s", "malloc,64m", "-f", str(folder / "cdn.vcl")]
    with ExitStack() as stack:
        stack.enter_context(_running(origin, line))
        stack.enter_context(_running(cache, line, libraries))
        eventually(lambda: _answers(line, authority), told=(folder / "error.log").read_text)
        yield f"https://{FAR}"


def _answers(line: Line, authority: Authority) -> bool:
    command = ["curl", "--silent", "--fail", "--cacert", str(authority.file)]
    command.append(f"https://{FAR}/metadata/1.root.json")
    return subprocess.run([*inside(line.far), *command], capture_output=True, check=False).returncode == 0


@contextmanager
def _running(command: list[str], line: Line, libraries: str = "") -> Iterator[None]:
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    words = [*inside(line.far), *command]
    started = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        started.terminate()
        started.wait(60)


def _varnish() -> tuple[str, str]:
    """Return Varnish and where its libraries are; skips the test where it cannot be had."""
    if found := shutil.which("varnishd", path=f"{os.environ['PATH']}:/usr/sbin"):
        return found, ""
    if not shutil.which("cc"):
        pytest.skip("Varnish compiles its settings, which needs a C compiler")
    if not CACHE.exists():
        _unpack()
    (libraries,) = CACHE.glob("usr/lib/*-linux-gnu")
    return str(CACHE / "usr" / "sbin" / "varnishd"), str(libraries)


def _unpack() -> None:
    """An installed Varnish would start on the machine's own port; unpacked it does nothing."""
    CACHE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as scratch:
        done = subprocess.run(
            ["apt-get", "download", *PACKAGES], cwd=scratch, capture_output=True, text=True, check=False
        )
        packages = list(Path(scratch).glob("*.deb"))
        if done.returncode != 0 or len(packages) != len(PACKAGES):
            pytest.skip(f"Varnish cannot be had: {done.stderr.strip()}")
        for package in packages:
            subprocess.run(["dpkg", "-x", package, f"{scratch}/tree"], check=True)
        Path(scratch, "tree").rename(CACHE)
