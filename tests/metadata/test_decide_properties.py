"""What holds for every decision, whatever the facts."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from metadata.documents import Brake, Held, Policy
from metadata.facts import Decision
from metadata.fields import MAX_INTEGER, Pointer
from metadata.rules import RULES
from metadata.versions import parse, within
from tests.metadata.given import HOST, NOON, World, an_order, digest, moments, windows, worlds

wild = settings(max_examples=500, deadline=None)
NAMES = {rule.__name__ for rule in RULES} - {"proceed"} | {"update", "recall", "no_order"}


def target_seq(world: World, answer: Decision) -> int:
    """Return the number of the release that a decision goes to."""
    assert answer.version is not None
    return world.releases.documents[answer.version].seq


def recall_covers(world: World) -> bool:
    """Return whether a recall in force covers what runs, worked out from the design's words."""
    recall, running = world.order.recall, world.host.running
    if recall is None or running is None or (recall.until is not None and world.now >= recall.until):
        return False
    return within(running, recall.from_versions)


@wild
@given(worlds())
def test_every_question_is_answered(world):
    """Year 1 and 9999, integers at the limit, barriers that loop: there is an answer, with rule and words."""
    answer = world.decide()
    assert answer.rule in NAMES
    assert answer.text
    assert (answer.until is not None) == (answer.action == "wait")
    assert answer.goes == (answer.rule in {"update", "recall", "base"})


@wild
@given(worlds())
def test_the_same_facts_have_the_same_answer(world):
    """An auditor who replays a decision comes to the same one."""
    assert world.decide() == world.decide()


@wild
@given(worlds())
def test_nothing_goes_back_without_a_recall_that_covers_what_runs(world):
    """Neither version nor number falls below the high-water mark unless a signature says so."""
    answer = world.decide()
    if not answer.goes or recall_covers(world):
        return
    assert target_seq(world, answer) >= world.host.highest_seq
    if world.host.running is not None:
        assert parse(answer.version) >= parse(world.host.running)


@wild
@given(worlds())
def test_a_revoked_version_is_never_started(world):
    """Revoked, or below the floor: no order, base, barrier or recall leads there."""
    answer = world.decide()
    if not answer.goes:
        return
    assert answer.version not in {entry.version for entry in world.policy.revoked}
    assert target_seq(world, answer) >= world.policy.floor_seq


@wild
@given(worlds())
def test_nothing_but_a_base_starts_before_its_time(world):
    """Not before the order says, not before the brake's last change, not while held, not when closed."""
    answer = world.decide()
    if not answer.goes or answer.rule == "base":
        return
    assert world.order.not_before is None or world.now >= world.order.not_before
    assert world.brake.since is None or world.now >= world.brake.since
    assert world.order.not_after is None or world.now < world.order.not_after
    assert world.order.state == "go"
    assert not world.brake.holds_rollout(world.order.rollout)
    assert not world.brake.holds_version(world.order.version)
    assert not world.brake.holds_version(answer.version)


@wild
@given(worlds())
def test_what_starts_is_listed_with_one_digest(world):
    """The wave's digest and the releases role's are the same, and the one this host has seen before."""
    answer = world.decide()
    if not answer.goes:
        return
    assert world.releases.digests[answer.version] == digest(answer.version)
    assert world.host.known.get(answer.version, digest(answer.version)) == digest(answer.version)


@wild
@given(worlds())
def test_a_payload_in_quarantine_needs_a_higher_retry(world):
    """What this host gave up comes back only when an order asks for another try."""
    answer = world.decide()
    if not answer.goes:
        return
    noted = world.host.quarantine.get(digest(f"payload {answer.version}"))
    assert noted is None or world.order.retry > noted


@wild
@given(worlds())
def test_a_pin_is_kept_unless_what_runs_may_not_run(world):
    """A pin yields only to the policy, and only when what runs was withdrawn."""
    answer = world.decide()
    if not answer.goes or not world.host.pin:
        return
    running = world.releases.documents.get(world.host.running or "")
    withdrawn = any(entry.version == world.host.running for entry in world.policy.revoked) or (
        running is not None and running.seq < world.policy.floor_seq
    )
    assert within(answer.version, world.host.pin) or (withdrawn and world.policy.pins_yield)


@settings(max_examples=300, deadline=None)
@given(st.lists(windows(), max_size=2), moments, moments, st.none() | st.just("1.0.0"))
def test_a_base_is_never_held(host_windows, now, when, running):
    """An autoscaled host gets the base at once: held, closed, braked, stale and windows do not count."""
    base = Pointer(version="1.4.2", sha256=digest("1.4.2"))
    fresh = replace(HOST, running=running, windows=tuple(host_windows))
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
    answer = world.having(host=replace(world.host, windows=(window,))).decide()
    assert answer.may_stage == (answer.rule == "window")


def test_the_worlds_reach_every_rule():
    """A property that is never tried proves nothing: each rule answers somewhere."""
    seen: set[str] = set()

    @settings(max_examples=1000, deadline=None, derandomize=True, database=None)
    @given(worlds())
    def ask(world):
        seen.add(world.decide().rule)

    ask()
    assert seen == NAMES - {"no_order"}
