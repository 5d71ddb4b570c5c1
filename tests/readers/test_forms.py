"""Times, canonical JSON and key ids, asserted against securesystemslib and the RFC, not against ourselves."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Key, Signature, SSlibKey
from tuf.api.metadata import Metadata

from metadata.errors import MalformedError
from repo_tools.audit import papers
from repo_tools.signed.canonical import canonical
from tests.repo_tools.conftest import NOON
from tests.support.workspace import Workspace

RFC_3339 = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z")
"""Date and time in UTC (RFC 3339 section 5.6)."""
TIMES = ("expires", "x-tidegate-issued", "not_before", "not_after", "until", "since")
SCHEMES = {"root": "ed25519", "releases": "ecdsa-p256", "rollouts": "ecdsa-p384", "online": "rsa"}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A repository with keys of every kind and documents of every kind."""
    folder = tmp_path_factory.mktemp("forms")
    work = Workspace(folder / "place", NOON)
    for name, scheme in SCHEMES.items():
        work.run("-C", folder, "key", "new", name, "--scheme", scheme, "--no-passphrase")
    work.found("--use-existing-keys")
    work.publish_release("1.4.2")
    work.publish_release("1.5.0")
    work.do("brake", "stable", "--reason", 'loops: "\\" and ü')
    work.do("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0", "--until", "7d", "--reason", "née")
    work.sign_and_publish()
    return work


def metadata(work: Workspace) -> dict[str, dict[str, Any]]:
    """Return every file of metadata as plain JSON."""
    files = (work.store / "metadata").glob("*.json")
    return {path.name: json.loads(path.read_bytes()) for path in files}


def keys(work: Workspace) -> dict[str, dict[str, Any]]:
    """Return every public key in the metadata."""
    found: dict[str, dict[str, Any]] = {}
    for one in metadata(work).values():
        found |= one["signed"].get("keys", {})
        found |= one["signed"].get("delegations", {}).get("keys", {})
    return found


def fields(value: Any) -> list[tuple[str, Any]]:
    """Return every field at any depth."""
    if isinstance(value, list):
        return [inner for one in value for inner in fields(one)]
    if isinstance(value, dict):
        return [*value.items(), *(inner for one in value.values() for inner in fields(one))]
    return []


def test_every_time_is_as_the_rfc_has_it(work):
    """Metadata, orders, policies and brakes write UTC with a Z, and nothing else."""
    documents = [one["signed"] for one in metadata(work).values()]
    for pattern in ("*.policy", "*.brake"):
        documents += [
            json.loads(path.read_bytes()) for path in work.store.glob(f"targets/rollout/**/{pattern}")
        ]
    times = [(name, value) for name, value in fields(documents) if name in TIMES and value is not None]
    assert {name for name, _value in times} == set(TIMES)
    for name, value in times:
        assert RFC_3339.fullmatch(value), (name, value)
        assert datetime.fromisoformat(value).tzinfo == UTC


def test_every_signature_holds_over_securesystemslib_s_canonical_form(work):
    """The bytes that were signed are those that another implementation makes of the parsed file."""
    known = {keyid: Key.from_dict(keyid, dict(found)) for keyid, found in keys(work).items()}
    count = 0
    for one in metadata(work).values():
        payload = str(encode_canonical(one["signed"])).encode()
        for signature in one["signatures"]:
            key = known[signature["keyid"]]
            key.verify_signature(Signature(signature["keyid"], signature["sig"]), payload)
            count += 1
    assert count > 30


def test_every_key_id_is_the_one_that_securesystemslib_computes(work):
    """Ids are digests of what securesystemslib makes of the very same private keys."""
    for name in SCHEMES:
        private = load_pem_private_key((work.keys / f"{name}.pem").read_bytes(), None)
        theirs = SSlibKey.from_crypto(private.public_key())
        assert theirs.keyid in keys(work)
        ours = keys(work)[theirs.keyid]
        assert (ours["keytype"], ours["scheme"], ours["keyval"]) == (
            theirs.keytype,
            theirs.scheme,
            theirs.keyval,
        )


def test_the_auditor_s_canonical_form_is_the_publisher_s(work):
    """Two ways to the same bytes: ours is the fast one."""
    for path in (work.store / "metadata").glob("*.*.json"):
        number, role = path.name.removesuffix(".json").split(".", 1)
        paper = papers.read(role, int(number), path.read_bytes())
        assert paper.payload == Metadata.from_bytes(path.read_bytes()).signed_bytes


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(values, values, st.booleans(), st.booleans(), st.sampled_from([None, 1]))
def test_what_was_signed_is_the_canonical_form_of_whatever_came(custom, strange, ascii_only, reverse, indent):
    """Known fields and unknown ones, any order, escapes and white space: what clients verify is verified."""
    target = {"length": 1, "hashes": {"sha256": "00"}, "custom": custom}
    signed = {
        "_type": "targets",
        "version": 1,
        "expires": "2026-11-22T12:00:00Z",
        "targets": {"rollout/a": target, "rollout/b": target},
        **({"x-strange": strange} if strange else {}),
    }
    fields = sorted(signed.items(), reverse=reverse)
    separators = None if indent else (",", ":")
    style = {"ensure_ascii": ascii_only, "indent": indent, "separators": separators}
    data = json.dumps({"signatures": [], "signed": dict(fields)}, **style).encode(errors="replace")
    expected = str(encode_canonical(json.loads(data)["signed"])).encode()
    assert papers.read("agent.stable.canary", 1, data).payload == expected


@pytest.mark.parametrize(
    "custom",
    ['{"b":1,"a":1}', '{"a":1,"a":2}', '{ "a":1}', '"\\u0041"', "-0", "[]", '{"a":"\u20ac"}', str(2**70)],
)
def test_an_order_in_another_form_is_not_what_was_signed(custom):
    """Only the canonical form is verified, also of what an audit keeps as it came."""
    signed = (
        '{"_type":"targets","expires":"2026-11-22T12:00:00Z","spec_version":"1.0.31","targets":'
        f'{{"rollout/a":{{"custom":{custom},"hashes":{{"sha256":"00"}},"length":1}}}},"version":1}}'
    )
    data = f'{{"signatures":[],"signed":{signed}}}'.encode()
    expected = str(encode_canonical(json.loads(signed))).encode()
    assert papers.read("agent.stable.canary", 1, data).payload == expected


def test_a_number_that_nobody_can_sign_is_refused():
    """Canonical JSON has no fractions, wherever they stand."""
    signed = (
        '{"_type":"targets","expires":"2026-11-22T12:00:00Z",'
        '"targets":{"a":{"custom":1.5,"hashes":{},"length":1}},"version":1}'
    )
    for text in (signed, signed.replace("1.5", "1").replace('"version"', '"x":1.0,"version"')):
        with pytest.raises(MalformedError, match="not an integer"):
            papers.read("agent.stable.canary", 1, f'{{"signatures":[],"signed":{text}}}'.encode())


@settings(max_examples=500, deadline=None)
@given(values)
def test_canonical_json_is_securesystemslib_s_for_any_value(value):
    """Whatever text, number or nesting: the same bytes."""
    assert canonical(value) == str(encode_canonical(value)).encode()
