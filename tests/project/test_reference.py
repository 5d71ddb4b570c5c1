"""What is generated is kept in the tree as it would be written today."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadata import strict
from metadata.errors import MalformedError
from tests.conftest import ROOT
from tests.project.schemas import KINDS

DIGEST = "0" * 64
SAMPLES: dict[str, dict[str, Any]] = {
    "release": {
        "format": "tidegate.release/1",
        "product": "agent",
        "version": "1.5.0",
        "seq": 17,
        "requires": ">=1.2",
        "via": {"version": "1.4.2", "sha256": DIGEST},
        "notes": "https://example.com/notes",
        "artifacts": [
            {
                "platform": "linux-x86_64",
                "path": "releases/agent/1.5.0/linux-x86_64.tar.zst",
                "kind": "tree",
                "name": None,
                "payload_sha256": DIGEST,
                "payload_bytes": 18848283,
                "deltas": [{"from": "1.4.2", "path": "releases/agent/1.5.0/from-1.4.2.patch"}],
                "attestations": [{"type": "gpg", "path": "releases/agent/1.5.0/linux-x86_64.tar.zst.asc"}],
            }
        ],
        "probe": {"exec": ["bin/agent", "--version"], "expect": "1.5.0"},
        "health": [{"http": "http://127.0.0.1:8222/healthz"}, {"tcp": "127.0.0.1:4222", "interval_s": 1}],
        "start_s": 120,
        "trial_s": 600,
        "soak_s": 14400,
    },
    "order": {
        "format": "tidegate.order/1",
        "product": "agent",
        "channel": "stable",
        "wave": "canary",
        "rollout": "stable-0007",
        "version": "1.5.0",
        "state": "go",
        "base": {"version": "1.4.2", "sha256": DIGEST},
        "not_before": "2026-11-22T12:00:00Z",
        "spread_s": 3600,
        "not_after": "2026-11-29T12:00:00Z",
        "urgent": False,
        "retry": 0,
        "recall": {"from": ">=1.5.0,<=1.5.3", "until": None, "reason": "crash loops"},
        "by": "release-manager@example.com",
        "reason": "July release",
        "evidence": {
            "sha256": DIGEST,
            "counts": {"expected": 200, "heard": 190, "ok": 190, "failed": 0, "silent": 10},
        },
    },
    "policy": {
        "format": "tidegate.policy/1",
        "product": "agent",
        "channel": "stable",
        "salt": "7f3a",
        "floor_seq": 12,
        "revoked": [{"version": "1.4.1", "reason": "CVE-2026-0001"}],
        "pins_yield": True,
        "allow_now": False,
        "poll_s": 900,
        "fresh_s": 86400,
        "report": {"url": "https://reports.example.com/", "heartbeat_s": 86400},
        "waves": [{"name": "canary", "percent": "5"}, {"name": "full", "percent": "100"}],
    },
    "brake": {
        "format": "tidegate.brake/1",
        "hold": [{"rollout": "stable-0007"}, {"version": "1.5.0"}],
        "since": "2026-11-22T13:40:00Z",
        "by": "on-call@example.com",
        "reason": "crash loops in eu",
    },
    "enrollment": {
        "format": "tidegate.enrollment/1",
        "keys": [{"keyid": DIGEST, "keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": DIGEST}}],
        "revoked_tokens": [],
        "revoked_agents": ["host-1"],
    },
    "token": {
        "format": "tidegate.token/1",
        "id": "5f0c2a9b1d3e4f60",
        "url": "https://updates.example.com",
        "root_version": 1,
        "root_sha256": "00" * 32,
        "channels": ["agent/stable"],
        "ring": "staging",
        "labels": {"site": "fra1"},
        "expires": "2026-11-29T12:00:00Z",
        "uses": 12,
        "headers": {"X-Reports-Key": "text"},
    },
    "report": {
        "format": "tidegate.report/1",
        "agent": "host-1",
        "seq": 3,
        "at": "2026-11-22T12:20:51Z",
        "product": "agent",
        "channel": "stable",
        "wave": "canary",
        "rollout": "stable-0007",
        "from": "1.4.2",
        "to": "1.5.0",
        "stage": "update_install",
        "outcome": "ok",
        "reason": "",
        "detail": "",
        "running": "1.5.0",
        "labels": {"region": "eu"},
        "clock": {},
    },
    "evidence": {
        "format": "tidegate.evidence/1",
        "product": "agent",
        "channel": "stable",
        "rollout": "stable-0007",
        "version": "1.5.0",
        "wave": "canary",
        "opened": "2026-11-22T12:00:00Z",
        "at": "2026-11-22T20:00:00Z",
        "counts": {"expected": 240, "heard": 231, "ok": 230, "failed": 1, "silent": 2},
        "members": 250,
        "started": 233,
        "unfit": 1,
        "reports": 702,
        "reports_sha256": "ab" * 32,
        "rule": "evidence",
        "text": "230 hosts are well, 1 failed, 2 are silent",
    },
}
"""The documents of the design, whole."""
names = pytest.mark.parametrize("name", sorted(KINDS))


def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return a validator with a schema as it is shipped."""
    schema = json.loads((files("metadata") / "schemas" / f"{name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_what_is_generated_is_as_it_would_be_written_now():
    """Schemas, documents and commands in the tree are today's; ``make docs`` writes them."""
    # In a process of its own: a command keeps the help option of the first context that asked for it.
    listing = [sys.executable, "-m", "tests.project.reference"]
    found = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True)
    assert found.stdout == ""


@names
def test_the_design_s_documents_are_valid_and_can_be_read(name):
    """Schema and reader take every sample, the strict reader too."""
    validator(name).validate(SAMPLES[name])
    strict.convert(SAMPLES[name], KINDS[name], refuse_unknown=True)


def broken(sample: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a sample with one thing wrong at a time that a schema can see."""
    yield "another format", {**sample, "format": "tidegate.other/1"}
    yield "no format", {key: value for key, value in sample.items() if key != "format"}
    for key, value in sample.items():
        yield f"{key} is a list in a list", {**sample, key: [[value]]}
        if isinstance(value, int) and not isinstance(value, bool):
            yield f"{key} is text", {**sample, key: str(value)}
    for key in ("product", "channel"):
        if key in sample:
            yield f"{key} in capitals", {**sample, key: sample[key].upper()}


@names
def test_schema_and_reader_refuse_the_same_mistakes(name):
    """A field of another kind is seen by an editor with the schema, and by every host."""
    for mistake, document in broken(SAMPLES[name]):
        assert not validator(name).is_valid(document), mistake
        with pytest.raises(MalformedError):
            strict.convert(document, KINDS[name])


values: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-3, 2**54) | st.text(max_size=4)
values |= st.just([]) | st.just({})


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_what_a_host_accepts_the_schema_accepts(name, data):
    """The schema is never stricter than the reader, whatever stands in a field."""
    field = data.draw(st.sampled_from(sorted({*SAMPLES[name], "critical", "unknown"})))
    document = {**SAMPLES[name], field: data.draw(values)}
    with suppress(MalformedError):
        strict.convert(document, KINDS[name])
        validator(name).validate(document)
