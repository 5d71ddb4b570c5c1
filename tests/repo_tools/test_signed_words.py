"""Words that people sign: two changes that differ in anything that is signed never read the same."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metadata.documents import Brake, Enrollment, Order, Policy
from metadata.release import Release
from metadata.strict import encode, to_json
from repo_tools.output import visible
from repo_tools.signed.views import Delegation, Entry, KeyInfo, View
from repo_tools.words.roles import Around, sentence
from tests.metadata.given import NOON, an_order, digest
from tests.repo_tools.signable import pairs, texts

CANARY = "agent.stable.canary"
ROUTES = ("rollout/agent/stable/00", "rollout/agent/stable/01")
PLACES = {
    Policy: ("agent.stable", "rollout/agent/stable/policy"),
    Brake: ("agent.stable.brake", "rollout/agent/stable/brake"),
    Enrollment: ("fleet", "fleet/enrollment"),
    Release: ("agent.releases", "releases/agent/1.5.0/release.json"),
}
wide = settings(max_examples=150, deadline=None)
LISTED = {"1.5.0": Entry("releases/agent/1.5.0/release.json", 9, digest("a"))}
USUAL = NOON + timedelta(days=90)


def view(role: str, entries: list[Entry], **more: Any) -> View:
    """Return a role that expires as usual."""
    return View(role, 7, USUAL, {entry.path: entry for entry in entries}, **more)


def told(new: View, old: View | None, documents: Mapping[str, Any] | None = None) -> str:
    """Return what a terminal shows of a change."""
    around = Around("5 %", frozenset(ROUTES), LISTED, documents or {}, USUAL)
    return visible(sentence(new, replace(old, version=6) if old else None, around))


def ordering(*orders: Order, entry: Entry | None = None) -> View:
    """Return a wave with an order on each of its routes; the last one also on the routes that are left."""
    plain = entry or Entry("", 9, digest("a"))
    said = dict(zip(ROUTES, (*orders, *orders[-1:]), strict=False))
    return view(
        CANARY,
        [replace(plain, path=path, custom={"tidegate": to_json(order)}) for path, order in said.items()],
    )


def carrying(role: str, path: str, document: Any) -> tuple[View | None, dict[str, Any]]:
    """Return a role with one document, and what stands in it."""
    if document is None:
        return None, {}
    data = encode(document)
    entry = Entry(path, len(data), sha256(data).hexdigest())
    return view(role, [entry]), {entry.sha256: to_json(document)}


def signed_by(key: KeyInfo) -> View:
    """Return a root with one key."""
    return view("root", [], delegations={"root": Delegation("root", (key,), 1)})


@wide
@given(pairs(Order))
def test_two_orders_never_read_the_same(found):
    """Whatever was ordered before, one field that differs is one word that differs."""
    before, one, another = found
    if one != another:
        old = ordering(before) if before else None
        assert told(ordering(one), old) != told(ordering(another), old)


@pytest.mark.parametrize("kind", PLACES, ids=lambda kind: kind.__name__.lower())
def test_two_documents_never_read_the_same(kind):
    """Policies, brakes, enrollments and releases are told field by field."""

    @wide
    @given(pairs(kind))
    def tried(found):
        before, one, another = found
        old, was = carrying(*PLACES[kind], before)
        said = []
        for after in (one, another):
            new, now = carrying(*PLACES[kind], after)
            assert new is not None
            said.append(told(new, old, {**was, **now}))
        assert one == another or said[0] != said[1]

    tried()


@wide
@given(pairs(Delegation))
def test_two_delegations_never_read_the_same(found):
    """Keys, thresholds, paths: who may sign what is told, for roles that people sign and for root's."""
    before, one, another = found
    old = view("agent.stable", [], delegations={before.role: before}) if before else None
    news = [view("agent.stable", [], delegations={after.role: after}) for after in (one, another)]
    assert one == another or told(news[0], old) != told(news[1], old)


@wide
@given(pairs(KeyInfo))
def test_two_keys_never_read_the_same(found):
    """A key under a known id that is another key is told, and so is another name for it."""
    before, one, another = found
    old = signed_by(before) if before else None
    assert one == another or told(signed_by(one), old) != told(signed_by(another), old)


@wide
@given(
    st.sampled_from(["version", "expires_at", "highest_seq", "revoked", "retired", "other"]),
    texts,
    texts,
    st.booleans(),
)
def test_two_roles_never_read_the_same(field, one, another, first):
    """What stands in a role beside files and delegations is told, too: an expiry to the day."""
    kinds: dict[str, Callable[[str], Any]] = {
        "version": lambda text: 8 + len(text),
        "expires_at": lambda text: USUAL + timedelta(days=len(text)),
        "highest_seq": len,
        "revoked": lambda text: {digest("a"): text},
        "retired": lambda text: {"1.4.2": text},
        "other": lambda text: {"x-note": text, text: 1},
    }
    plain = view("agent.releases", [])
    made = [replace(plain, **{field: kinds[field](text)}) for text in (one, another)]
    old = None if first and field != "version" else plain
    assert made[0] == made[1] or told(made[0], old) != told(made[1], old)


def test_two_keys_for_tokens_never_read_the_same():
    """A key under an id that is not its own shows what it is."""
    usual = {"keyid": digest("a"), "keytype": "ed25519", "scheme": "ed25519", "x-tidegate-name": "alice"}
    said = []
    for public in ("00", "01"):
        new, documents = carrying(
            *PLACES[Enrollment], Enrollment(keys=[{**usual, "keyval": {"public": public}}])
        )
        assert new is not None
        said.append(told(new, None, documents))
    assert "alice [ed25519" in said[0]
    assert said[0] != said[1]


def test_a_route_that_is_ordered_otherwise_is_named():
    """One route of a wave with another order, or without one, cannot hide behind the others."""
    same = ordering(an_order("1.5.0", wave="canary"))
    for odd in (
        ordering(an_order("1.5.0", wave="canary"), an_order("1.4.2", wave="canary")),
        ordering(an_order("1.5.0", wave="canary"), an_order("1.5.0", wave="canary", urgent=True)),
        view(CANARY, [same.entries[ROUTES[0]]]),
        view(
            CANARY, [*same.entries.values(), replace(same.entries[ROUTES[0]], path="rollout/agent/stable/x")]
        ),
    ):
        assert told(odd, None) != told(same, None)
        assert "on route" in told(odd, None)
    assert "orders nothing on route 01 any more" in told(view(CANARY, [same.entries[ROUTES[0]]]), same)


def test_a_document_that_is_not_the_releases_is_told():
    """A wave's digest that the releases role does not list is for no agent, and is no quiet matter."""
    order = an_order("1.5.0", wave="canary")
    expected, odd = ordering(order), ordering(order, entry=Entry("", 9, digest("b")))
    assert "sha256" not in told(expected, None)
    assert f"sha256 {digest('b')}, which is not that of 1.5.0" in told(odd, None)
