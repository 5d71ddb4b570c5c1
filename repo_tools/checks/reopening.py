"""A rule about what was forbidden once: a policy that takes it back lets hosts start it again."""

from collections.abc import Iterator

from repo_tools.checks.facts import Facts, Finding, Level
from repo_tools.rollouts.lifting import lifted


def reopened(facts: Facts) -> Iterator[Finding]:
    """A revocation that is lifted, or a floor that goes back.

    Nobody lowers a floor on purpose, nor lifts a revocation while a key is replaced: an old version of the
    role came back.
    """
    for state in facts.channels:
        role, before = state.channel.role, facts.policies.get(state.channel.role)
        back = before is not None and state.policy.floor_seq < before.floor_seq
        for text in lifted(before, state.policy) if before else ():
            level: Level = "error" if back or _has_other_keys(facts, role) else "warning"
            hint = "tidegate release revoke VERSION revokes it again, with --below the floor, too"
            yield Finding(level, "reopened", role, f"{role} {text}: hosts may start it again", hint)


def _has_other_keys(facts: Facts, role: str) -> bool:
    views = [found["targets"] for found in (facts.before, facts.after) if "targets" in found]
    keys = [view.delegations[role].keys for view in views if role in view.delegations]
    return any(some != keys[0] for some in keys)
