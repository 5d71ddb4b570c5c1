"""A real nginx with a file of ``infra/nginx``; where there is none, its Debian package is unpacked."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from repo_tools.demo.fleet import Port
from tests.conftest import ROOT
from tests.support.host import ask_status, eventually

CACHE = ROOT / ".cache" / "nginx"
KEY = "a-long-random-text"
SCRATCH = """\
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
"""
"""Where nginx keeps what it is handed and has not passed on."""
CONF = """daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
user root;
events {{ }}
http {{
    access_log {folder}/access.log;
{scratch}    map "" $reports_key {{ default "{key}"; }}
    types {{
        text/html html; text/css css; text/javascript js; image/svg+xml svg; application/json json;
    }}
    server {{
        listen 127.0.0.1:{port};
        root {served};
        include {shipped};
    }}
}}
"""


@dataclass(frozen=True)
class DropBox:
    """A running drop box."""

    url: str
    folder: Path
    """What was dropped."""
    log: Path

    @property
    def files(self) -> list[Path]:
        """What was dropped, the oldest name first."""
        return sorted(self.folder.rglob("*.json"))


def program() -> str:
    """Return nginx; skips the test where it cannot be had."""
    if found := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"):
        return found
    unpacked = CACHE / "usr" / "sbin" / "nginx"
    if not unpacked.exists():
        _unpack()
    return str(unpacked)


def _unpack() -> None:
    """An installed nginx would start on the machine's own port; unpacked it does nothing."""
    CACHE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as scratch:
        done = subprocess.run(
            ["apt-get", "download", "nginx"], cwd=scratch, capture_output=True, text=True, check=False
        )
        packages = list(Path(scratch).glob("*.deb"))
        if done.returncode != 0 or not packages:
            pytest.skip(f"nginx cannot be had: {done.stderr.strip()}")
        subprocess.run(["dpkg", "-x", packages[0], f"{scratch}/tree"], check=True)
        shutil.rmtree(CACHE, ignore_errors=True)
        Path(scratch, "tree").rename(CACHE)


@contextmanager
def dropping(folder: Path) -> Iterator[DropBox]:
    """Run a drop box until the block ends."""
    (folder / "box").mkdir(parents=True)
    with serving(folder, folder / "box", "reports.conf", 404) as url:
        yield DropBox(url, folder / "box", folder / "access.log")


@contextmanager
def serving(folder: Path, served: Path, shipped: str, status: int) -> Iterator[str]:
    """Serve a folder by a file of ``infra/nginx`` until the block ends, and give the address.

    Args:
        folder: Where nginx keeps its own files.
        served: The folder.
        shipped: The file's name.
        status: What nginx answers at the address itself, once it runs.
    """
    port = Port()
    conf = folder / "nginx.conf"
    places = {"folder": folder, "served": served, "shipped": ROOT / "infra" / "nginx" / shipped}
    scratch = SCRATCH.format(folder=folder)
    conf.write_text(CONF.format(port=port, key=KEY, scratch=scratch, **places))
    if os.geteuid() != 0:
        conf.write_text(conf.read_text().replace("user root;\n", ""))
    process = subprocess.Popen([program(), "-c", conf, "-e", folder / "error.log"])
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: process.poll() is not None or ask_status(url) == status)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(30)
