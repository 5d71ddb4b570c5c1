"""Checks: each rule finds what it is for, in a repository that was sound before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from metadata.documents import Recall, Revoked, WaveShare
from metadata.fields import Pointer
from repo_tools.checks import table
from repo_tools.checks.calm import calming
from repo_tools.checks.facts import Facts, gather
from repo_tools.signed.views import Delegation, View
from tests.support.workspace import Workspace

CANARY, EARLY, RELEASES = "agent.stable.canary", "agent.stable.early", "agent.releases"


@pytest.fixture
def facts(rolled: Workspace) -> Facts:
    """A repository with 1.5.0 staged for the canaries."""
    rolled.add("1.5.0")
    rolled.do("rollout", "start", "stable", "1.5.0")
    return gather(rolled.desk(), publishing=True)


def with_role(facts: Facts, role: str, **changes: Any) -> Facts:
    """Return facts with another view of a role."""
    return replace(facts, after={**facts.after, role: replace(facts.after[role], **changes)})


def with_delegation(facts: Facts, parent: str, role: str, **changes: Any) -> Facts:
    """Return facts with another delegation."""
    delegations = dict(facts.after[parent].delegations)
    delegations[role] = replace(delegations[role], **changes)
    return with_role(facts, parent, delegations=delegations)


def with_order(facts: Facts, **changes: Any) -> Facts:
    """Return facts in which the canaries have another order."""
    state = facts.channels[0]
    first, *rest = state.waves
    assert first.order is not None
    changed = replace(first, order=msgspec.structs.replace(first.order, **changes))
    return replace(facts, channels=[replace(state, waves=(changed, *rest))])


def with_policy(facts: Facts, **changes: Any) -> Facts:
    """Return facts with another policy."""
    state = facts.channels[0]
    return replace(facts, channels=[replace(state, policy=msgspec.structs.replace(state.policy, **changes))])


def rules(facts: Facts, level: str = "error") -> set[str]:
    """Return the names of the rules that found something."""
    return {finding.rule for finding in table.run(facts) if finding.level == level}


def delegation(facts: Facts, parent: str, role: str) -> Delegation:
    """Return a delegation."""
    return facts.after[parent].delegations[role]


def view(facts: Facts, role: str) -> View:
    """Return a role as it will be."""
    return facts.after[role]


def far(facts: Facts) -> Facts:
    """Jump ahead."""
    return with_role(facts, CANARY, version=view(facts, CANARY).version + 101)


def back(facts: Facts) -> Facts:
    """Go back."""
    return with_role(facts, CANARY, version=1)


def lost(facts: Facts) -> Facts:
    """Lose a name."""
    return replace(facts, listed_after=facts.listed_after - {EARLY})


def strange_key(facts: Facts) -> Facts:
    """Use a key that only new agents know."""
    key = replace(delegation(facts, "targets", RELEASES).keys[0], keytype="ml-dsa", scheme="ml-dsa-44/1")
    return with_delegation(facts, "targets", RELEASES, keys=(key,))


def high_threshold(facts: Facts) -> Facts:
    """Ask for more signatures than there are keys."""
    return with_delegation(facts, "targets", RELEASES, threshold=2)


def one_thief(facts: Facts) -> Facts:
    """Let one key add releases and order them."""
    keys = delegation(facts, "targets", RELEASES).keys
    return with_delegation(facts, "agent.stable", CANARY, keys=keys)


def shadow(facts: Facts) -> Facts:
    """Give a route to two waves."""
    stolen = delegation(facts, "agent.stable", CANARY).paths[0]
    return with_delegation(facts, "agent.stable", EARLY, paths=(stolen,))


def braces(facts: Facts) -> Facts:
    """Use a pattern that clients read differently."""
    return with_delegation(facts, "agent.stable", EARLY, paths=("rollout/agent/stable/[0-4]",))


def other_percent(facts: Facts) -> Facts:
    """Say another percentage than the delegations do."""
    waves = [
        WaveShare(name=name, percent=percent)
        for name, percent in zip(("canary", "early", "full"), "691", strict=True)
    ]
    return with_policy(facts, waves=waves)


def half_wave(facts: Facts) -> Facts:
    """Order something on some routes of a wave only."""
    entries = dict(list(view(facts, CANARY).entries.items())[1:])
    return with_role(facts, CANARY, entries=entries)


def two_orders(facts: Facts) -> Facts:
    """Say different things on two routes of a wave."""
    entries = dict(view(facts, CANARY).entries)
    path = next(iter(entries))
    entries[path] = replace(entries[path], sha256="0" * 64)
    return with_role(facts, CANARY, entries=entries)


def new_document(facts: Facts) -> Facts:
    """Change a published release."""
    entries = dict(view(facts, RELEASES).entries)
    path = "releases/agent/1.4.2/release.json"
    entries[path] = replace(entries[path], sha256="0" * 64)
    return with_role(facts, RELEASES, entries=entries)


HARMS: dict[str, list[Callable[[Facts], Facts]]] = {
    "jump": [far],
    "backwards": [back],
    "gone": [lost, lambda facts: replace(facts, staged=facts.staged | {"agent.stable.ghost"})],
    "key_types": [strange_key],
    "thresholds": [high_threshold],
    "shared_keys": [one_thief],
    "shadowed": [shadow, braces],
    "shares": [other_percent, lambda facts: with_policy(facts, waves=[])],
    "mixed_routes": [half_wave, two_orders],
    "changed_document": [new_document],
    "nowhere": [
        lambda facts: with_order(facts, version="9.9.9"),
        lambda facts: with_order(facts, wave="early"),
        lambda facts: with_order(facts, base=Pointer(version="1.4.2", sha256="0" * 64)),
    ],
    "recalls": [
        lambda facts: with_order(facts, recall=Recall(from_versions="<=1.5.0")),
        lambda facts: with_order(
            facts, version="1.4.2", recall=Recall(from_versions="==2"), base=pointer(facts)
        ),
    ],
    "expiry": [lambda facts: replace(facts, now=facts.now + timedelta(days=160))],
}


def pointer(facts: Facts) -> Pointer:
    """Return the newest release."""
    return facts.channels[0].catalog.pointer("1.5.0")


def test_a_sound_repository_has_no_errors(facts):
    """The rules are quiet when nothing is wrong; of one root key warns who is asked, or signs it anew."""
    assert rules(facts) == set()
    assert rules(facts, "warning") == set()
    for asked in (replace(facts, publishing=False), replace(facts, staged=facts.staged | {"root"})):
        assert rules(asked, "warning") == {"thresholds"}


@pytest.mark.parametrize("rule", HARMS)
def test_each_rule_finds_its_harm(facts, rule):
    """What would hurt agents is named by its rule, with a sentence."""
    for harm in HARMS[rule]:
        found = [finding for finding in table.run(harm(facts)) if finding.rule == rule]
        assert found, harm
        assert found[0].level == "error"
        assert found[0].text


def test_every_rule_has_a_sentence():
    """The table of rules can be printed."""
    assert all(rule.__doc__ for rule in table.RULES)


def test_expiry_warns_at_half_and_fails_at_a_quarter(facts):
    """Time to act is given before time to fail."""
    half = replace(facts, now=facts.now + timedelta(days=50))
    assert "expiry" in rules(half, "warning")
    assert "expiry" not in rules(half)


def test_an_expiry_never_stops_what_only_calms(rolled):
    """Holding, braking and recalling go out even when other roles are about to expire."""
    rolled.publish_release("1.5.0")
    for line in (
        ("brake", "stable"),
        ("rollout", "pause", "stable"),
        ("rollout", "recall", "stable", "1.4.2", "--from", "==1.5.0"),
    ):
        rolled.do(*line)
        late = gather(rolled.desk(), publishing=True)
        assert calming(late)
        late = replace(late, now=late.now + timedelta(days=160))
        assert "expiry" not in rules(late)
        rolled.sign_and_publish()
    rolled.add("1.6.0")
    assert not calming(gather(rolled.desk(), publishing=True))


def test_a_withdrawn_order_is_a_warning(facts):
    """Revoking what a wave runs must be possible at once; the way back is ordered next."""
    revoked = with_policy(facts, revoked=[Revoked(version="1.5.0", reason="bad")])
    assert "withdrawn" in rules(revoked, "warning")
    assert rules(revoked) == set()


def test_a_barrier_that_leads_nowhere_is_found(rolled):
    """The release on the way must be live, the same, and inside the range."""
    rolled.add("1.4.9")
    rolled.add("1.5.0", None, "--requires", ">=1.5", "--via", "1.4.9")
    rolled.do("rollout", "start", "stable", "1.5.0")
    rolled.do("sign", "--yes")
    result = rolled.run("publish")
    assert result.exit_code == 17
    assert "leads through 1.4.9" in result.stderr


def test_check_lists_what_publish_refuses(facts, rolled):
    """The command shows a table, and fails with 17 when something is wrong."""
    assert rolled.run("check").exit_code == 0
    rolled.now += timedelta(days=170)
    result = rolled.run("--json", "check")
    assert result.exit_code == 17
    assert {finding["rule"] for finding in result.json["findings"]} == {
        "clients",
        "expiry",
        "spreads",
        "stale",
        "thresholds",
    }
    assert rolled.run("publish").exit_code == 16
    rolled.do("sign", "--yes")
    assert rolled.run("publish").exit_code == 17
    assert rolled.do("refresh")
