"""What release managers, their jobs and their console read: workspaces, keys, drop boxes, requests."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from securesystemslib.signer import CryptoSigner

from metadata.documents import Enrollment
from metadata.envelope import pae, payload_type, to_text
from metadata.report import Report
from metadata.strict import decode
from metadata.token import Token
from repo_tools.audit.findings import known_in
from repo_tools.collect.envelopes import Parcel
from repo_tools.collect.hearing import Work, hear
from repo_tools.collect.joining import gate_of
from repo_tools.collect.records import Person
from repo_tools.console import api, lines
from repo_tools.keys.choice import public_key
from repo_tools.keys.files import open_private
from repo_tools.keys.folder import KeyFolder
from repo_tools.moments import moment
from repo_tools.notices.sending import Hook
from repo_tools.pack import inspect
from repo_tools.recovery import honest
from repo_tools.rollouts import hosts, plans
from repo_tools.signed import signatures
from repo_tools.store.options import S3Options
from repo_tools.workspace import SETTINGS, Workspace
from tests.fuzz.archives import FILES, MEMBERS
from tests.fuzz.documents import AT, KEY, sealed, whole
from tests.fuzz.parser import Parser, fresh, from_file
from tests.support.archives import squeezed, tar, zipped

WORKSPACE = b"""store = "s3://bucket/prefix?region=eu-central-1"
mirrors = ["/srv/mirror"]
[s3]
lanes = 4
[product.agent]
probe = "bin/agent --version"
health = ["http://127.0.0.1:8222/healthz"]
"""
EMPTY = b'store = "/srv/store"\n'
PLAN = plans.Plan(strategy="gated", preset="normal", pace=plans.preset("normal"))
NOW = datetime.fromisoformat(AT)
PAYLOAD_TYPE = payload_type(Report)


def _settings(data: bytes) -> object:
    with fresh("workspace") as folder:
        (folder / SETTINGS).write_bytes(data)
        opened = Workspace.open(folder)
        return opened.defaults("agent"), opened.settings.s3.overlaid("lanes=3")


def _in_workspace(name: str, read: Callable[[Workspace], object]) -> Callable[[bytes], object]:
    """Return a reader of one file of a workspace."""

    def reads(data: bytes) -> object:
        with fresh("workspace") as folder:
            (folder / SETTINGS).write_bytes(EMPTY)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
            return read(Workspace.open(folder))

    return reads


def _signature(data: bytes) -> object:
    with fresh("signatures") as folder:
        (folder / f"{KEY.public_key.keyid}.json").write_bytes(data)
        return signatures.read(folder)


def _key_file() -> bytes:
    public = KEY.public_key.to_dict()
    return json.dumps({"name": "k", "keyid": KEY.public_key.keyid, "uri": "", "public": public}).encode()


def _key_of_folder(data: bytes) -> object:
    with fresh("keys") as folder:
        (folder / "k.json").write_bytes(data)
        return KeyFolder(folder).get("k").key()


def _key_that_travelled(path: Path) -> object:
    return public_key(KeyFolder(path.parent / "none"), str(path))


def _hear(data: bytes) -> object:
    """Let the collector hear an agent that it knows, whose key signs."""
    gate = gate_of(decode(whole(Enrollment), Enrollment))
    public = str(KEY.public_key.keyval["public"])
    person = Person(public, ("agent/stable",), "t-9", 1)
    heard = hear(gate, Work("host-1", person, [Parcel("x/1.json", "2026-11-22", NOW, data)], {}))
    return heard.lines, heard.asides


def _hear_signed(data: bytes) -> object:
    """Let it hear whatever an agent signs."""
    signature = base64.b64encode(bytes.fromhex(KEY.sign(pae(PAYLOAD_TYPE, data)).signature)).decode()
    envelope = {
        "payload": base64.b64encode(data).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": KEY.public_key.keyid, "sig": signature}],
    }
    return _hear(json.dumps([envelope]).encode())


def _enrolment() -> bytes:
    said = {**json.loads(whole(Report)), "seq": 2, "stage": "enroll", "token": to_text(sealed(Token))}
    return json.dumps(said).encode()


def _body(kind: type[msgspec.Struct]) -> Parser:
    """A request's body becomes a command line; what it refuses, the console answers with 400."""

    def read(data: bytes) -> object:
        wish: Any = msgspec.json.decode(data, type=kind)
        return wish.words() if hasattr(wish, "words") else wish

    refusals = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
    return Parser(
        f"request {kind.__name__}", read, lambda: [json.dumps(WISHES[kind]).encode()], API, refusals
    )


API = ("repo_tools/console/api.py", "repo_tools/console/lines.py")
CHANNEL = {"channel": "agent/stable", "reason": "July release", "dry_run": True}
HOSTS = {"ids": ["host-1"]}
WISHES: dict[type[msgspec.Struct], dict[str, Any]] = {
    lines.Start: {**CHANNEL, "version": "1.5.0", "strategy": "gated", "retry": 1},
    lines.Promote: {**CHANNEL, "early": True},
    lines.Pause: CHANNEL,
    lines.Resume: CHANNEL,
    lines.Brake: {**CHANNEL, "version": "1.5.0"},
    lines.Lift: CHANNEL,
    lines.Recall: {**CHANNEL, "version": "1.4.2", "recalled": ">=1.5.0,<=1.5.3"},
    lines.Update: {**CHANNEL, "version": "1.5.0", "hosts": HOSTS},
    lines.AddRelease: {"version": "1.5.0", "path": "/build", "platform": "linux-x86_64"},
    lines.Sign: {"roles": ["agent.stable"]},
    lines.Publish: {"dry_run": True},
    lines.Unstage: {"roles": ["agent.stable"], "dry_run": True},
    lines.Ask: {"channel": "agent/stable", "version": "1.5.0"},
    api.Going: {"roles": [], "keys": ["k"], "passphrase": "p"},
}


def _archive(suffix: str) -> Parser:
    packed = zipped(FILES) if suffix == ".zip" else squeezed(tar(MEMBERS), suffix)
    rooms = ("repo_tools/pack.py", "metadata/archives.py")
    return Parser(f"release {suffix}", from_file(f"release{suffix}", inspect), lambda: [packed], rooms)


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode(errors="replace"))


def _answer() -> bytes:
    found = {"rule": "gap", "role": "timestamp", "version": 3, "text": "is missing", "level": "error"}
    served = {"timestamp": 4, "sha256": "0" * 64, "root": 1}
    return json.dumps({"findings": [found], "served": served, "ok": False}).encode()


PARSERS = (
    Parser("workspace", _settings, lambda: [WORKSPACE], ("repo_tools/workspace.py",)),
    Parser(
        "plan of a rollout",
        _in_workspace(
            "rollouts/agent.stable-0001.json", lambda found: plans.kept(found, "agent", "stable-0001")
        ),
        *(lambda: [msgspec.json.encode(PLAN)], ("repo_tools/rollouts/plans.py",)),
    ),
    Parser(
        "last honest timestamp",
        *(_in_workspace("staged/honest.json", honest.read), lambda: [b'{"timestamp": 7}']),
        ("repo_tools/recovery/honest.py",),
    ),
    Parser(
        *("kept host ids", _in_workspace("rollouts/hosts", hosts.kept), lambda: [b"host-1\nhost-2\n"]),
        ("repo_tools/rollouts/hosts.py",),
    ),
    Parser(
        *("signature file", _signature, lambda: [json.dumps(KEY.sign(b"x").to_dict()).encode()]),
        ("repo_tools/signed/signatures.py",),
    ),
    Parser("key file", _key_of_folder, lambda: [_key_file()], ("repo_tools/keys/folder.py",)),
    Parser(
        *("key that travelled", from_file("key.json", _key_that_travelled), lambda: [_key_file()]),
        ("repo_tools/keys/choice.py",),
    ),
    Parser(
        "private key",
        from_file("key.pem", lambda path: open_private(path, None)),
        *(lambda: [CryptoSigner.generate_ed25519().private_bytes], ("repo_tools/keys/files.py",)),
    ),
    Parser(
        "notes of a webhook",
        from_file("notes.json", lambda path: Hook("https://example.com", b"", path).read(NOW)),
        lambda: [b'{"since": "2026-11-22T12:00:00Z", "told": ["a"]}'],
        ("repo_tools/notices/sending.py",),
    ),
    Parser("earlier audit", known_in, lambda: [_answer()], ("repo_tools/audit/findings.py",)),
    Parser(
        "options of a store",
        _text(lambda text: S3Options().overlaid(text)),
        *(lambda: [b"region=eu-central-1&lanes=4"], ("repo_tools/store/options.py",)),
    ),
    Parser(
        "moment",
        _text(lambda text: moment(text, datetime(2026, 11, 22, tzinfo=UTC))),
        *(lambda: [AT.encode(), b"30m"], ("repo_tools/moments.py",)),
    ),
    Parser(
        *("object in the drop box", _hear, lambda: [b"[" + sealed(Report) + b"]", sealed(Report)]),
        ("repo_tools/collect/envelopes.py", "repo_tools/collect/hearing.py"),
    ),
    Parser(
        *("report that is signed", _hear_signed, lambda: [whole(Report), _enrolment()]),
        ("repo_tools/collect/hearing.py", "repo_tools/collect/joining.py"),
    ),
    *map(_archive, (".tar.zst", ".tar.gz", ".tar.xz", ".zip")),
    *map(_body, WISHES),
)
