"""A rule about hosts that change their waves."""

from collections.abc import Iterator

from repo_tools.checks.facts import Facts, Finding
from repo_tools.rollouts.state import State


def moved(facts: Facts) -> Iterator[Finding]:
    """Hosts change their waves in the midst of a rollout: a recall could miss them."""
    for state in facts.channels:
        role = state.channel.role
        if role not in facts.policies or not _moves(facts, state):
            continue
        below = {wave.name: state.channel.below(wave.name) for wave in state.waves}
        before = {known.version: name for name, one in below.items() if (known := facts.known(one))}
        after = {wave.order.version for wave in state.waves if wave.order}
        if len(before) > 1 and len(after) > 1:
            told = " and ".join(f"{name} {version}" for version, name in before.items())
            text = f"{role} would move hosts to other waves while {told} run"
            hint = f"tidegate unstage {role}, and complete the rollout first"
            yield Finding("error", "moved", role, text, hint)


def _moves(facts: Facts, state: State) -> bool:
    role = state.channel.role
    before, after = (
        {name: {*found.paths} for name, found in views[role].delegations.items()}
        for views in (facts.before, facts.after)
    )
    return before != after or facts.policies[role].salt != state.policy.salt
