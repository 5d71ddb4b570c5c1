"""What servers say: answers as they come over the line, and metadata, as bytes and under good signatures."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

from securesystemslib.formats import encode_canonical
from tuf.api.metadata import Timestamp

from agent.fetch import Fetcher
from agent.journal import Journal
from agent.repository import Repository, check_root
from agent.resolve import resolve
from agent.settings import Network
from metadata.facts import Host
from repo_tools.audit import papers
from repo_tools.publishing.reach import needed_before
from repo_tools.signed.reading import issued, load, load_view, timestamp_version
from repo_tools.store.folder import FolderStore
from tests.agent.forge import Forge, signer_of
from tests.agent.scene import AGENT, WAVES
from tests.fuzz.line import ANSWER, line
from tests.fuzz.parser import Parser, fresh, from_file, scratch
from tests.support.workspace import Workspace

ANSWERS = (
    ANSWER,
    b"HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\nContent-Range: bytes 2-4/5\r\n\r\nllo",
    b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: https://updates.example.com/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\nhello",
)


def _network() -> Network:
    """Everything goes to the one server, wherever an answer leads."""
    return Network(proxy=line().url, patience_s=1)


def _small(data: bytes) -> object:
    line().says = data
    return Fetcher(_network()).get("http://updates.example.com/metadata/timestamp.json", 4_096)


def _large(data: bytes) -> object:
    """A download that has a beginning asks for the rest."""
    line().says = data
    with fresh("download") as folder:
        path = folder / "packed"
        path.write_bytes(b"he")
        digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of "hello"
        Fetcher(_network()).download("http://updates.example.com/targets/x", path, 5, digest)
        return path.read_bytes()


@cache
def _repo() -> Workspace:
    """Return a published repository with one release that is ordered to everybody."""
    work = Workspace(scratch("repo") / "one").found(*WAVES)
    work.publish_release("1.0.0")
    return work


def _store() -> Path:
    return _repo().store


def _role(name: str) -> bytes:
    return Forge(_repo()).path(name).read_bytes()


def _ask(store: Path) -> object:
    """Return what an agent makes of a repository, with a cache that holds what is good."""
    root = _repo().root_file.read_bytes()
    with fresh("agent") as folder:
        repository = Repository(folder / "tuf", [f"file://{store}"], root, Fetcher(Network(patience_s=1)))
        journal = Journal(folder / "journal.db")
        try:
            host = Host(AGENT, "agent", "stable", "linux-x86_64")
            return resolve(repository, host, journal, datetime.now(UTC))
        finally:
            journal.close()


@contextlib.contextmanager
def _changed() -> Any:
    """Give a copy of the repository that may be broken."""
    copy = scratch("broken") / "store"
    rmtree(copy, ignore_errors=True)
    copytree(_store(), copy)
    yield copy


def _served(name: str) -> Callable[[bytes], object]:
    """Return a reader of metadata that a server has in the place of the good."""

    def reads(data: bytes) -> object:
        with _changed() as store:
            (store / "metadata" / name).write_bytes(data)
            return _ask(store)

    return reads


class _Signing(Forge):
    """Signs the very JSON that it is given, whatever that is."""

    def __init__(self, store: Path) -> None:
        super().__init__(_repo())
        self.store = store

    def put_role(self, role: str, signed: Any) -> None:
        """Put a role's next version into the store, under good signatures all the way up."""
        signer = self.signer(signer_of(role))
        signature = signer.sign(str(encode_canonical(signed)).encode())
        data = json.dumps({"signed": signed, "signatures": [signature.to_dict()]}).encode()
        number = self.version(role) + 1
        (self.store / "metadata" / f"{number}.{role}.json").write_bytes(data)
        if role == "timestamp":
            (self.store / "metadata" / "timestamp.json").write_bytes(data)
        elif role != "root":
            self.seal()


def _signed(role: str) -> Parser:
    """What the holders of good keys may publish, which python-tuf itself need not refuse."""

    def reads(data: bytes) -> object:
        with _changed() as store:
            forge = _Signing(store)
            try:
                said = json.loads(data)
                if isinstance(said, dict) and isinstance(said.get("version"), int):
                    said["version"] = forge.version(role) + 1
                forge.put_role(role, said)
            except Exception:  # noqa: BLE001  # what canonical JSON has no form for, nobody can sign
                return None
            return _ask(store)

    def seeds() -> list[bytes]:
        return [json.dumps(json.loads(_role(role))["signed"]).encode()]

    rooms = ("agent/repository.py", "agent/resolve.py")
    return Parser(f"{role} that is signed", reads, seeds, rooms)


def _view(role: str) -> Callable[[bytes], object]:
    return lambda data: load_view(role, data)


def _paper(role: str) -> Callable[[bytes], object]:
    return lambda data: papers.read(role, 1, data).view()


def _issued(data: bytes) -> object:
    return issued(load(data, Timestamp, "timestamp").signed), timestamp_version(data)


def _needed(data: bytes) -> object:
    """What a clean-up keeps for published timestamps, one of which somebody left in the store."""
    with _changed() as store:
        (store / "metadata" / "1.timestamp.json").write_bytes(data)
        return needed_before(FolderStore(str(store), store), 2, datetime(2020, 1, 1, tzinfo=UTC))


def _parser(name: str, read: Callable[[bytes], object], role: str, *rooms: str) -> Parser:
    return Parser(name, read, lambda: [_role(role)], rooms)


LINES = ("agent/transport.py", "agent/fetch.py")
AGENT_ROOM = "agent/repository.py"
READING = "repo_tools/signed/reading.py"
ROLES = ("root", "agent.stable", "agent.releases")
SIGNED = ("root", "timestamp", "snapshot", "targets", "agent.stable", "agent.stable.canary", "agent.releases")
PINNED = from_file("root.json", lambda path: check_root(path, path.read_bytes()))
PARSERS = (
    Parser("answer for a small file", _small, lambda: ANSWERS, LINES),
    Parser("answer for a download", _large, lambda: ANSWERS, LINES),
    _parser("timestamp that is served", _served("timestamp.json"), "timestamp", AGENT_ROOM),
    _parser("root that is served", _served("2.root.json"), "root", AGENT_ROOM),
    _parser("root that is pinned", PINNED, "root", AGENT_ROOM),
    *map(_signed, SIGNED),
    *(_parser(f"{role} in a workspace", _view(role), role, READING) for role in ROLES),
    *(
        _parser(f"{role} in an audit", _paper(role), role, "repo_tools/audit/papers.py")
        for role in (*ROLES, "timestamp", "snapshot")
    ),
    _parser("timestamp in a store", _issued, "timestamp", READING),
    _parser("timestamp that is cleaned up", _needed, "timestamp", "repo_tools/publishing/reach.py"),
)
