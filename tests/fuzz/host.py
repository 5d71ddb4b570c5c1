"""What a host reads from its own disk and socket: a torn file, a restored copy, or somebody's edit."""

import contextlib
import json
import socket
import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec
from securesystemslib.signer import CryptoSigner

from agent import backup, bare, control, identity, locking, plain, settings
from agent.children import Children
from agent.guard import watch
from agent.journal import Event, Journal
from agent.reports import outbox
from agent.states import State, Update
from metadata import strict
from metadata.release import Release
from tests.fuzz.documents import AT, DIGEST, whole
from tests.fuzz.parser import Parser, fresh, from_file, scratch

SETTINGS = b"""state = "/var/lib/tidegate"
root = "/opt/tidegate"
[labels]
site = "fra1"
[network]
mirrors = ["https://mirror.example.com"]
headers = { X-Key = "abc" }
[[product]]
name = "nats"
channel = "stable"
service = { kind = "systemd", unit = "nats.service" }
config = ["/etc/nats"]
health = [{ http = "http://127.0.0.1:8222/healthz" }, { exec = ["bin/agent"], expect = "well" }]
pin = ">=2.11,<2.12"
windows = ["Mon-Fri 02:00-05:00"]
[[product]]
name = "other"
service = { kind = "child", command = ["{current}/bin/agent"] }
"""
ROOT = b"{}"
WATCH = watch.Watch("agent", "/opt/agent", "1.5.0", "1.4.2", None, "", "/b", {"kind": "none"}, 700.0)


INDEX = {
    "places": ["/etc/nats"],
    "taken": {"/etc/nats/a": DIGEST},
    "started": {"/etc/nats/a": DIGEST},
    "folders": {"/etc/nats": {"mode": 493, "uid": 0, "gid": 0, "attributes": {}}},
}


def _identity() -> bytes:
    who = msgspec.structs.replace(
        identity.make("https://updates.example.com", ROOT, "host-1"),
        key=CryptoSigner.generate_ed25519().private_bytes.decode(),
        scope=["agent/stable"],
    )
    return msgspec.json.encode(who)


def _load_identity(data: bytes) -> object:
    with fresh("identity") as state:
        place = identity.folder(state)
        place.mkdir()
        (place / "root.json").write_bytes(ROOT)
        (place / "agent.json").write_bytes(data)
        return identity.load(state)


def _number(data: bytes) -> object:
    with fresh("number") as state:
        identity.folder(state).mkdir()
        (identity.folder(state) / identity.NUMBER).write_bytes(data)
        number = identity.next_number(state, "host-1")
        assert number >= 1
        return number


def _services(data: bytes) -> object:
    """What should run is named by a process that is long gone, so that nothing is started or signalled."""
    with fresh("services") as folder:
        path = folder / "services.json"
        path.write_bytes(data)
        children = Children(path)
        children.resume()
        children.look_after()
        return children.next_at()


def _services_seed() -> bytes:
    child = {
        "command": ["/nonexistent/agent"],
        "folder": "/",
        "stop_s": 2,
        "pid": 0,
        "born": "",
        "restarts": 0,
    }
    return json.dumps({"agent": child}).encode()


def _holder(data: bytes) -> object:
    with fresh("lock") as state:
        (state / locking.NOTE).write_bytes(data)
        return locking.holder(state)


def _watch(path: Path) -> object:
    found = watch.read(path)
    return (found.overdue, found.begun()) if found else None


def _backup(data: bytes) -> object:
    """Nothing is put back by it: a folder that is named could be any on this machine."""
    with fresh("backup") as folder:
        (folder / backup.INDEX).write_bytes(data)
        return backup.Backup(folder).index()


def _update() -> bytes:
    update = Update(
        action="update",
        rule="update",
        wave="canary",
        rollout="stable-0007",
        release=strict.decode(whole(Release), Release),
        sha256=DIGEST,
        platform="linux-x86_64",
        before="1.4.2",
        chosen_at=datetime.fromisoformat(AT),
    )
    return msgspec.json.encode(update)


CURSOR = {"event": 3, "seq": 4, "speaker": "host-1", "enrolment": "e-1", "marks": {"agent": 3}}


@cache
def _journal() -> bytes:
    """Return the file of a journal in the middle of an update."""
    path = scratch("seeds") / "journal.db"
    journal = Journal(path)
    journal.enter("agent", State.CHOSEN, msgspec.json.decode(_update(), type=Update), [])
    journal.add(Event(product="agent", stage="soak", outcome="ok"))
    journal.keep_document("agent", "1.4.2", DIGEST, whole(Release))
    journal.remember({"poll_s": 900, outbox.CURSOR: CURSOR})
    journal.close()
    return path.read_bytes()


def _look(journal: Journal) -> object:
    """Read everything that a journal has."""
    try:
        told = outbox.cursor(journal), outbox.batches(journal), journal.recall("poll_s")
        kept = journal.state("agent"), journal.standing("agent"), journal.documents("agent")
        old = journal.events(), journal.events_after(0), journal.oldest_event(), journal.last_event()
        given = journal.given_up("agent"), journal.quarantine("agent"), journal.document("agent", "1.4.2")
        journal.enter("agent", State.IDLE, None, [Event(product="agent", stage="soak", outcome="ok")])
        return told, kept, old, given
    finally:
        journal.close()


def _open_journal(path: Path) -> object:
    """A journal's companions would be taken for those of the one before."""
    for end in ("-journal", "-wal", "-shm"):
        path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
    return _look(Journal(path))


def _edited(change: str) -> Callable[[bytes], object]:
    """Return a reader of a journal in which one value is what the bytes say."""

    def reads(data: bytes) -> object:
        path = scratch("edited") / "journal.db"
        path.write_bytes(_journal())
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=OFF")
            db.execute(change, (data.decode(errors="replace"),))
        return _look(Journal(path))

    return reads


def _bare(path: Path) -> object:
    """Where things are, by whatever of the file can be read."""
    told: list[str] = []
    return bare.find(path, told.append)


def _line(data: bytes) -> object:
    """One end of a socket asks or answers what the bytes say, and hangs up."""
    here, there = socket.socketpair()
    with here, there:
        there.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            there.send(data)
        there.shutdown(socket.SHUT_WR)
        return plain.table(control.receive(here))


PARSERS = (
    Parser("settings", from_file("agent.toml", settings.load), lambda: [SETTINGS], ("agent/settings.py",)),
    Parser(
        "bare settings",
        from_file("bare.toml", _bare),
        lambda: [SETTINGS],
        ("agent/bare.py",),
    ),
    Parser("identity", _load_identity, lambda: [_identity()], ("agent/identity.py",)),
    Parser("next report", _number, lambda: [b"host-1 17\n"], ("agent/identity.py",)),
    Parser("services", _services, lambda: [_services_seed()], ("agent/children.py",)),
    Parser("holder of the lock", _holder, lambda: [b'{"pid": 0, "born": ""}'], ("agent/locking.py",)),
    Parser(
        *("open trial", from_file("agent.json", _watch), lambda: [json.dumps(WATCH._asdict()).encode()]),
        *(("agent/guard/watch.py",), (ValueError,)),  # the guard's own room: standard library only
    ),
    Parser(
        *("backup", _backup, lambda: [json.dumps(INDEX).encode()]),
        *(("agent/backup.py",), (ValueError, KeyError)),  # which a way back survives
    ),
    Parser("journal", from_file("journal.db", _open_journal), lambda: [_journal()], ("agent/journal.py",)),
    Parser(
        *("update in the journal", _edited("UPDATE product SET work = ?"), lambda: [_update()]),
        ("agent/journal.py", "agent/states.py"),
    ),
    Parser(
        "cursor in the journal",
        _edited(f"UPDATE memory SET value = ? WHERE key = '{outbox.CURSOR}'"),
        lambda: [json.dumps(CURSOR).encode()],
        ("agent/reports/outbox.py",),
    ),
    Parser(
        *("control socket", _line, lambda: [b'{"op": "next", "seconds": 5}\n']),
        *(("agent/control.py", "agent/supervisor.py", "agent/plain.py"), (ValueError,)),  # as the open trial
    ),
)
