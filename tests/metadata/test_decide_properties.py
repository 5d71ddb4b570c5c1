"""What holds for every decision, whatever the facts: twelve thousand wild worlds try each rule often."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from metadata.documents import Brake, Held, Policy, Recall
from metadata.facts import Decision
from metadata.fields import MAX_INTEGER, Pointer
from metadata.rules import RULES
from metadata.versions import parse, within
from tests.metadata import wild
from tests.metadata.given import HOST, NOON, World, an_order, digest, moments, windows

NAMES = {rule.__name__ for rule in RULES} - {"proceed"} | {"update", "recall", "no_order"}
Asked = list[tuple[World, Decision]]


@pytest.fixture(scope="module")
def asked() -> Asked:
    """Every wild world with its decision."""
    worlds = [wild.world(seed) for seed in range(12_000)]
    return [(world, world.decide()) for world in worlds]


@pytest.fixture(scope="module")
def going(asked: Asked) -> Asked:
    """The worlds in which the host starts a switch."""
    return [(world, answer) for world, answer in asked if answer.goes]


def target_seq(world: World, answer: Decision) -> int:
    """Return the number of the release that a decision goes to."""
    assert answer.version is not None
    return world.releases.documents[answer.version].seq


def recall_covers(world: World) -> bool:
    """Return whether a recall in force covers what runs, or finds nothing that is known to run."""
    recall, running = world.order.recall, world.host.running
    if recall is None or (recall.until is not None and world.now >= recall.until):
        return False
    return world.host.stranded or (running is not None and within(running, recall.from_versions))


def is_below_base(world: World) -> bool:
    """Return whether the base takes the order's place, and with it all that leads there."""
    target, running = world.order.base, world.host.running
    return target is not None and (running is None or parse(running) < parse(target.version))


def test_every_question_is_answered(asked):
    """Year 1 and 9999, integers at the limit, barriers that loop: there is an answer, with rule and words."""
    for world, answer in asked:
        assert answer.rule in NAMES, world
        assert answer.text, world
        assert (answer.until is not None) == (answer.action == "wait"), world
        assert answer.goes == (answer.rule in {"update", "recall", "base"}), world


def test_every_rule_answers_often(asked):
    """A property that is never tried proves nothing: each rule answers in dozens of worlds."""
    rules = Counter(answer.rule for _, answer in asked)
    assert rules.keys() == NAMES - {"no_order"}
    assert min(rules.values()) >= 30, rules


def test_the_same_facts_have_the_same_answer(asked):
    """An auditor who replays a decision comes to the same one."""
    for world, answer in asked[:2000]:
        assert world.decide() == answer


def test_nothing_goes_back_without_a_recall_that_covers_what_runs(going):
    """Neither version nor number falls below the high-water mark unless a signature says so."""
    for world, answer in going:
        if recall_covers(world):
            continue
        assert target_seq(world, answer) >= world.host.highest_seq, world
        if world.host.running is not None:
            assert parse(answer.version) >= parse(world.host.running), world


def test_a_revoked_version_is_never_started(going):
    """Revoked, or below the floor: no order, base, barrier or recall leads there."""
    for world, answer in going:
        assert answer.version not in {entry.version for entry in world.policy.revoked}, world
        assert target_seq(world, answer) >= world.policy.floor_seq, world


def test_nothing_but_a_base_starts_before_its_time(going):
    """Not before the order says, not before the brake's last change, not while held, not when closed."""
    for world, answer in going:
        if answer.rule == "base" or is_below_base(world):
            continue
        order, brake = world.order, world.brake
        early = world.host.hurried and world.policy.allow_now
        assert early or order.not_before is None or world.now >= order.not_before, world
        assert brake.since is None or world.now >= brake.since, world
        assert order.not_after is None or world.now < order.not_after, world
        assert order.state == "go", world
        assert not brake.holds_rollout(order.rollout), world
        assert not brake.holds_version(order.version), world
        assert not brake.holds_version(answer.version), world


def test_who_hurries_goes_past_nothing_but_its_turn(asked):
    """A person at the host skips spread and start time where the policy lets him, and no other rule."""
    skipped = Counter[str]()
    for world, _ in asked:
        host, policy = (
            structs.replace(world.host, hurried=False),
            structs.replace(world.policy, allow_now=True),
        )
        patient = replace(world, host=host, policy=policy).decide()
        hurried = replace(world, host=structs.replace(host, hurried=True), policy=policy).decide()
        barred = structs.replace(policy, allow_now=False)
        in_vain = replace(world, host=structs.replace(host, hurried=True), policy=barred).decide()
        assert in_vain == patient or in_vain.rule == patient.rule == "not_yet", world
        if hurried != patient:
            assert patient.rule == "not_yet", world
            skipped[hurried.rule] += 1
    assert skipped["update"] > 100, skipped


def test_what_starts_is_listed_with_one_digest(going):
    """The wave's digest and the releases role's are the same, and the one this host has seen before."""
    for world, answer in going:
        assert world.releases.digests[answer.version] == digest(answer.version), world
        assert world.host.known.get(answer.version, digest(answer.version)) == digest(answer.version), world


def test_a_payload_in_quarantine_needs_a_higher_retry(going):
    """What this host gave up comes back only when an order asks for another try."""
    for world, answer in going:
        noted = world.host.quarantine.get(digest(f"payload {answer.version}"))
        assert noted is None or world.order.retry > noted, world


def test_a_pin_is_kept_unless_what_runs_may_not_run(going):
    """A pin yields only to the policy, and only when what runs was withdrawn."""
    for world, answer in going:
        if not world.host.pin or within(answer.version, world.host.pin):
            continue
        running = world.releases.documents.get(world.host.running or "")
        gone = {entry.version for entry in world.policy.revoked}
        below = running is not None and running.seq < world.policy.floor_seq
        assert world.policy.pins_yield, world
        assert world.host.running in gone or below, world


def test_waiting_is_always_for_later(asked):
    """The moment to ask again lies ahead."""
    for world, answer in asked:
        assert answer.until is None or answer.until > world.now, world


@settings(max_examples=300, deadline=None)
@given(st.lists(windows(), max_size=2), moments, moments, st.none() | st.just("1.0.0"))
def test_a_base_is_never_held(host_windows, now, when, running):
    """An autoscaled host gets the base at once: held, closed, braked, stale and windows do not count."""
    base = Pointer(version="1.4.2", sha256=digest("1.4.2"))
    fresh = structs.replace(HOST, running=running, windows=tuple(host_windows))
    world = World(
        host=fresh,
        order=an_order("1.5.0", state="hold", not_before=when, not_after=when, base=base),
        brake=Brake(hold=[Held(version="1.4.2"), Held(rollout="stable-0001")], since=when),
        issued=None,
        now=now,
    )
    answer = world.decide()
    assert (answer.action, answer.rule, answer.version) == ("update", "base", "1.4.2")


def test_freshness_may_be_as_long_as_an_integer():
    """A policy with the largest number of seconds is fresh for ever, and no overflow."""
    world = World(policy=Policy(product="agent", channel="stable", salt="", fresh_s=MAX_INTEGER))
    assert world.decide(NOON + timedelta(days=900_000)).rule == "update"


@settings(max_examples=200, deadline=None)
@given(windows())
def test_staging_is_allowed_while_a_window_is_closed(window):
    """A host outside its window may already download, and is told so."""
    world = World()
    answer = world.having(host=structs.replace(world.host, windows=(window,))).decide()
    assert answer.may_stage == (answer.rule == "window")


@pytest.mark.parametrize("said", ["crash loops", ""])
def test_the_sentence_gives_the_reason_of_who_stopped_it(said):
    """An operator reads why, or that nobody said why."""
    why = said or "no reason given"
    held = World(order=an_order("1.5.0", state="hold", reason=said))
    braked = [
        World(brake=Brake(hold=[Held(**what)], reason=said))
        for what in ({"rollout": "stable-0001"}, {"version": "1.5.0"})
    ]
    recalled = World(order=an_order("1.2.0", recall=Recall(from_versions="<=1.4.2", reason=said)))
    assert held.decide().text == f"the full wave is on hold: {why}"
    assert [world.decide().text for world in braked] == [
        f"the brake holds {what}: {why}" for what in ("stable-0001", "1.5.0")
    ]
    assert recalled.decide().text == f"go back to 1.2.0: {said or 'recalled'}"
