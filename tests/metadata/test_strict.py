"""Documents are read strictly: what two readers could understand differently is refused."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadata import strict, versions
from metadata.documents import Brake, Order, Policy
from metadata.errors import MalformedError, NewerFormatError
from metadata.release import Release
from metadata.report import Report
from tests.metadata.given import an_order, release

ORDER: dict[str, Any] = {
    "format": "tidegate.order/1",
    "product": "agent",
    "channel": "stable",
    "wave": "canary",
    "rollout": "stable-0001",
    "version": "1.5.0",
    "state": "go",
}
REPORT: dict[str, Any] = {
    "format": "tidegate.report/1",
    "agent": "host-1",
    "seq": 1,
    "at": "2026-11-22T12:00:00Z",
    "product": "agent",
    "channel": "stable",
    "stage": "soak",
    "outcome": "ok",
}


def as_bytes(**changes: Any) -> bytes:
    """Return the plain order with changes, as it is published."""
    return json.dumps({**ORDER, **changes}).encode()


def test_a_document_comes_back_as_it_was():
    """Writing and reading lose nothing."""
    for document in (an_order("1.5.0"), release("1.5.0", 7)):
        assert strict.decode(strict.encode(document), type(document), refuse_unknown=True) == document


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("twice the same key", b'{"format": "tidegate.order/1", "state": "go", "state": "hold"}'),
        ("twice in depth", b'{"recall": {"from": "<2", "from": "<3"}}'),
        ("a float", b'{"spread_s": 1.0}'),
        ("an exponent", b'{"spread_s": 1e3}'),
        ("not a number", b'{"spread_s": NaN}'),
        ("infinity", b'{"spread_s": -Infinity}'),
        ("2**53", b'{"spread_s": 9007199254740992}'),
        ("thousands of digits", b'{"spread_s": ' + b"9" * 6000 + b"}"),
        ("half a pair", b'{"reason": "\\ud800"}'),
        ("not UTF-8", b'{"reason": "\xff"}'),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("two values", b"{} {}"),
        ("nothing", b""),
        ("too long", b'{"reason": "' + b"x" * 65_536 + b'"}'),
        ("a deep list", b"[" * 30_000),
        ("a deep object", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    ],
)
def test_what_readers_could_take_differently_is_refused(name, data):
    """None of these is a document, whatever else it says."""
    with pytest.raises(MalformedError):
        strict.parse(data, name)


@pytest.mark.parametrize(
    "value", [{"x": 2**53}, {"x": 0.5}, {"x": "\ud800"}, {"x": ["y" * 70_000]}, {1: "a"}]
)
def test_signed_values_are_held_to_the_same_rules(value):
    """An order out of signed metadata may not say what a file may not say."""
    with pytest.raises(MalformedError):
        strict.convert({**ORDER, **value}, Order)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_malformed(data):
    """Nothing but our own error comes out, whatever comes in."""
    with pytest.raises(MalformedError):
        strict.decode(data, Order)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted({*ORDER, "recall", "base", "critical", "evidence"} - {"format"})), values)
def test_any_value_in_any_field_is_taken_or_malformed(field, value):
    """A field of another kind is refused by our own error and never by a crash."""
    with contextlib.suppress(MalformedError):
        strict.convert({**ORDER, field: value}, Order)


@given(values)
def test_critical_of_a_report_is_a_field_like_any_other(value):
    """Reports have no such list; whatever an agent puts there does no harm."""
    with contextlib.suppress(MalformedError):
        strict.convert({**REPORT, "critical": value}, Report)


def test_a_newer_format_says_so():
    """Another number of a known format is a newer one; another name is simply wrong."""
    with pytest.raises(NewerFormatError):
        strict.decode(as_bytes(format="tidegate.order/2"), Order)
    for wrong in ("tidegate.policy/1", "tidegate.order", "tidegate.order/x", 1, None):
        with pytest.raises(MalformedError) as caught:
            strict.decode(as_bytes(format=wrong), Order)
        assert not isinstance(caught.value, NewerFormatError)


def test_hosts_pass_over_unknown_fields_and_tools_refuse_them():
    """Agents outlive formats, and release managers hear of a misspelt field."""
    data = as_bytes(sprad_s=60, base={"version": "1.4.2", "sha256": "0" * 64, "colour": "red"})
    assert strict.decode(data, Order).version == "1.5.0"
    with pytest.raises(MalformedError, match=r"base\.colour, sprad_s"):
        strict.decode(data, Order, refuse_unknown=True)


def test_a_critical_field_that_is_unknown_is_refused():
    """An old agent does not obey half of an order; a critical field that it knows is no obstacle."""
    with pytest.raises(NewerFormatError):
        strict.decode(as_bytes(only_on="rack-7", critical=["only_on"]), Order)
    inner = {"version": "1.4.2", "sha256": "0" * 64, "colour": "red"}
    with pytest.raises(NewerFormatError):
        strict.decode(as_bytes(base=inner, critical=["base.colour"]), Order)
    assert strict.decode(as_bytes(critical=["spread_s"]), Order).critical == ["spread_s"]


@pytest.mark.parametrize(
    "changes",
    [
        {"not_before": "2026-11-22T12:00:00+01:00"},
        {"not_before": "2026-11-22T12:00:00"},
        {"version": "1.05"},
        {"version": "v1.5.0"},
        {"version": "1" * 5000},
        {"recall": {"from": ">=1.5"}},
        {"recall": {"from": "<=" + "1" * 5000}},
        {"recall": {"from": "everything"}},
        {"base": {"version": "1.4.2", "sha256": "0" * 63}},
        {"base": {"version": "1.4.2", "sha256": "0" * 64 + "\n"}},
        {"spread_s": -1},
        {"spread_s": True},
        {"wave": "Canary"},
        {"rollout": ""},
    ],
)
def test_an_order_that_means_nothing_is_refused(changes):
    """Times are in UTC, versions in normal form, recalls bounded, digests whole."""
    with pytest.raises(MalformedError):
        strict.decode(as_bytes(**changes), Order)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Brake, {"format": "tidegate.brake/1", "hold": [{}]}),
        (Brake, {"format": "tidegate.brake/1", "hold": [{"rollout": "r", "version": "1.5.0"}]}),
        (Brake, {"format": "tidegate.brake/1", "hold": [{"version": "v1.5.0"}]}),
        (
            Policy,
            {
                "format": "tidegate.policy/1",
                "product": "agent",
                "channel": "stable",
                "salt": "",
                "revoked": [{"version": "1.04"}],
            },
        ),
    ],
)
def test_what_would_stop_nothing_is_refused(kind, value):
    """A brake or a revocation of something that cannot exist is a mistake, and is told."""
    with pytest.raises(MalformedError):
        strict.convert(value, kind)


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 0},
        {"artifacts": []},
        {"trial_s": 86_401},
        {"requires": "something"},
        {"probe": {"http": "http://127.0.0.1/"}},
        {"health": [{}]},
        {"health": [{"http": "ftp://127.0.0.1/"}]},
        {"health": [{"tcp": "127.0.0.1"}]},
        {"health": [{"tcp": "127.0.0.1:80", "http": "http://127.0.0.1/"}]},
        {"health": [{"exec": []}]},
    ],
)
def test_a_release_that_no_host_could_install_is_refused(changes):
    """Limits and probes are checked when the document is read."""
    with pytest.raises(MalformedError):
        strict.convert({**strict.to_json(release("1.5.0", 7)), **changes}, Release)


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "../agent.tar.zst"},
        {"path": "/agent.tar.zst"},
        {"path": "releases/agent.rar"},
        {"kind": "file"},
        {"kind": "file", "name": "../agent"},
        {"platform": "Linux-x86_64"},
        {"payload_sha256": "A" * 64},
    ],
)
def test_an_artifact_that_no_host_could_install_is_refused(changes):
    """Paths stay inside, archives can be read, files have a name."""
    document = strict.to_json(release("1.5.0", 7))
    document["artifacts"][0] |= changes
    with pytest.raises(MalformedError):
        strict.convert(document, Release)


@given(st.text("0159.<>=!~,rcabdev*+- ", max_size=20) | st.text(max_size=20))
def test_any_text_is_a_version_a_range_or_malformed(text):
    """Versions and ranges refuse with our own error, now and not when they are used."""
    with contextlib.suppress(MalformedError):
        assert str(versions.parse(text)) == text
    with contextlib.suppress(MalformedError):
        assert versions.within("1.0", text) in {True, False}
