"""Documents that are signed: by themselves, in envelopes, and in registration tokens."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from securesystemslib.signer import CryptoSigner

from metadata import strict
from metadata.documents import Brake, Enrollment, Order, Policy
from metadata.envelope import from_text, public_entry, public_keys, seal, to_text, unseal
from metadata.errors import MalformedError
from metadata.evidence import WaveEvidence
from metadata.release import Release
from metadata.report import Report
from metadata.token import Token
from metadata.versions import bounded_above, parse, within
from metadata.windows import Window, next_span
from tests.fuzz.parser import Parser

KEY = CryptoSigner.generate_ed25519()
DIGEST = "5" * 64
AT = "2026-11-22T12:00:00Z"
PATH = "releases/agent/1.5.0/linux-x86_64.tar.zst"
PINNED = {"version": "1.4.2", "sha256": DIGEST}
COUNTS = {"expected": 5, "heard": 5, "ok": 4, "failed": 1, "silent": 0}
STREAM: dict[str, Any] = {"product": "agent", "channel": "stable"}
ARTIFACT: dict[str, Any] = {
    "platform": "linux-x86_64",
    "path": PATH,
    "kind": "tree",
    "name": None,
    "payload_sha256": DIGEST,
    "payload_bytes": 18_848_283,
    "deltas": [{"from": "1.4.2", "path": f"{PATH}.patch"}],
    "attestations": [{"type": "gpg", "path": f"{PATH}.asc"}],
}
FULL: dict[type[msgspec.Struct], dict[str, Any]] = {
    Release: {
        "product": "agent",
        "version": "1.5.0",
        "seq": 17,
        "requires": ">=1.2",
        "via": PINNED,
        "notes": "https://example.com/notes",
        "artifacts": [ARTIFACT],
        "probe": {"exec": ["bin/agent", "--version"], "expect": "1.5.0"},
        "health": [
            {"http": "http://127.0.0.1:8222/healthz", "status": 200, "interval_s": 5},
            {"tcp": "127.0.0.1:8222", "timeout_s": 5},
            {"exec": ["bin/agent", "--well"], "expect": "well"},
        ],
        "start_s": 120,
        "trial_s": 600,
        "soak_s": 14_400,
        "critical": ["health"],
    },
    Order: {
        **STREAM,
        "wave": "canary",
        "rollout": "stable-0007",
        "version": "1.5.0",
        "state": "go",
        "base": PINNED,
        "not_before": AT,
        "spread_s": 3600,
        "not_after": AT,
        "urgent": False,
        "retry": 0,
        "recall": {"from": ">=1.5.0,<=1.5.3", "until": AT, "reason": "it loses data"},
        "by": "release-manager@example.com",
        "reason": "July release",
        "evidence": {"sha256": DIGEST, "counts": COUNTS},
    },
    Brake: {
        "hold": [{"rollout": "stable-0007"}, {"version": "1.5.0"}],
        "since": AT,
        "by": "on-call@example.com",
        "reason": "crash loops",
    },
    Policy: {
        **STREAM,
        "salt": "7f3a",
        "floor_seq": 12,
        "pins_yield": True,
        "allow_now": False,
        "revoked": [{"version": "1.4.1", "reason": "CVE-2026-0001"}],
        "poll_s": 900,
        "fresh_s": 86_400,
        "report": {"url": "https://reports.example.com/", "heartbeat_s": 86_400},
        "waves": [{"name": "canary", "percent": "5"}, {"name": "full", "percent": "100"}],
    },
    Enrollment: {
        "keys": [public_entry(KEY.public_key)],
        "revoked_tokens": ["t-1"],
        "revoked_agents": ["host-9"],
    },
    WaveEvidence: {
        **STREAM,
        "wave": "canary",
        "rollout": "stable-0007",
        "version": "1.5.0",
        "opened": AT,
        "at": AT,
        "counts": COUNTS,
        "members": 5,
        "started": 5,
        "unfit": 0,
        "reports": 15,
        "reports_sha256": DIGEST,
        "rule": "open",
        "text": "nobody failed",
    },
    Report: {
        **STREAM,
        "agent": "host-1",
        "seq": 1,
        "at": AT,
        "stage": "heartbeat",
        "outcome": "ok",
        "wave": "canary",
        "rollout": "stable-0007",
        "from": "1.4.2",
        "to": "1.5.0",
        "running": "1.5.0",
        "labels": {"site": "fra1"},
        "clock": {"trouble": ""},
        "decision": {"rule": "current"},
        "pin": "",
        "windows": ["Mon-Fri 02:00-05:00"],
        "key": public_entry(KEY.public_key),
    },
    Token: {
        "id": "t-1",
        "url": "https://updates.example.com",
        "root_version": 1,
        "root_sha256": DIGEST,
        "channels": ["agent/stable"],
        "ring": "staging",
        "labels": {"site": "fra1"},
        "expires": AT,
        "uses": 3,
        "headers": {"X-Key": "abc"},
    },
}
"""Every kind of document, with every field that it may have."""


def whole(kind: type[msgspec.Struct]) -> bytes:
    """Return a sound document."""
    return json.dumps({"format": kind.__struct_config__.tag, **FULL[kind]}).encode()


def sealed(kind: type[msgspec.Struct]) -> bytes:
    """Return it in an envelope."""
    return seal(strict.decode(whole(kind), kind), KEY)


def _document(kind: type[msgspec.Struct]) -> Parser:
    def read(data: bytes) -> object:
        try:
            strict.decode(data, kind, refuse_unknown=True)
        except MalformedError:
            return strict.decode(data, kind)
        return strict.convert(json.loads(data), kind)

    rooms = ("metadata/strict.py", "metadata/fields.py")
    return Parser(strict.title(kind), read, lambda: [whole(kind)], rooms)


def _signed_value(data: bytes) -> object:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return strict.convert(value, Order)


def _envelope(data: bytes) -> object:
    found = unseal(data, Report)
    found.verify(public_keys([public_entry(KEY.public_key)]), "the report")
    return found.peek(Report)


def _token(data: bytes) -> object:
    return from_text(data.decode(errors="surrogateescape"), Token).peek(Token)


def _keys(data: bytes) -> object:
    return public_keys(strict.decode(data, Enrollment).keys)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _range(data: bytes) -> object:
    return within("1.5.0", _text(data)), bounded_above(_text(data))


def _window(data: bytes) -> object:
    return next_span((Window.parse(_text(data)),), datetime(2026, 11, 22, 12, tzinfo=UTC), UTC)


ORDERS = ("metadata/strict.py", "repo_tools/rollouts/state.py")
PARSERS = (
    *map(_document, FULL),
    Parser("value in signed metadata", _signed_value, lambda: [whole(Order)], ORDERS),
    Parser("envelope", _envelope, lambda: [sealed(Report)], ("metadata/envelope.py",)),
    Parser("pasted token", _token, lambda: [to_text(sealed(Token)).encode()], ("metadata/envelope.py",)),
    Parser("keys of an enrollment", _keys, lambda: [whole(Enrollment)], ("metadata/envelope.py",)),
    Parser("version", lambda data: parse(_text(data)), lambda: [b"1.5.0rc1"], ("metadata/versions.py",)),
    Parser("range of versions", _range, lambda: [b">=1.4,<1.5"], ("metadata/versions.py",)),
    Parser("window", _window, lambda: [b"Mon-Fri 22:00-05:00"], ("metadata/windows.py",)),
)
