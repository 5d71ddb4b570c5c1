"""Rules that look back: how what is live came to be, and what it had before."""

from collections.abc import Iterator
from datetime import timedelta

from repo_tools.audit.papers import Paper
from repo_tools.checks.facts import Facts, Finding, Level
from repo_tools.roles import MAX_JUMP, NOT_WAVES
from repo_tools.rollouts.state import State

RECENT = timedelta(days=7)
"""What monitoring calls an error for so long: it cannot be mended, and somebody must hear of it."""
_ANEW = "no client ever goes back: prepare it anew from what is live"
_WHO = "no client ever goes back: tidegate log --role {} says who signed it; key revoke ends a thief's key"


def jump(facts: Facts) -> Iterator[Finding]:
    """A version that is far above the published one, staged or published already."""
    for role in facts.staged & facts.after.keys():
        ahead = facts.after[role].version - facts.versions[role]
        if ahead > MAX_JUMP:
            text = f"{role} jumps {ahead} versions ahead of the published one"
            yield Finding("error", "jump", role, text, _ANEW)
    for step in facts.seen.history.steps if facts.seen.history else ():
        if step.before is None:
            continue
        known = {"timestamp": step.before.number}
        known |= {role: one.version for role, one in step.before.everything().items()}
        now = {"timestamp": step.after.number, **{role: one.version for role, one in step.listed.items()}}
        recent = step.after.at is None or facts.now - step.after.at < RECENT
        for role, version in now.items():
            ahead = version - known.get(role, version)
            if ahead > MAX_JUMP and facts.versions.get(role, 0) >= version:
                level: Level = "error" if recent else "warning"
                text = f"{role} jumped {ahead} versions ahead, from {known[role]} to {version}"
                yield Finding(level, "jump", role, text, _WHO.format(role))


def roots(facts: Facts) -> Iterator[Finding]:
    """A root that is missing in the middle: clients that have not seen it stop before it for good."""
    for one in facts.seen.history.collected.findings if facts.seen.history else ():
        if one.rule == "root":
            hint = "put it back from a mirror, a bundle or somebody's workspace"
            yield Finding("error", "roots", "root", one.text, hint)


def emptied(facts: Facts) -> Iterator[Finding]:
    """A wave that lost its routes, or says nothing on them: its hosts follow everybody's order."""
    for state in facts.channels:
        catch_all = next((wave for wave in state.waves if "default" in wave.routes), None)
        for wave in state.waves:
            role = state.channel.below(wave.name)
            lost = role in _had_routes(facts, state) and not wave.routes
            silent = role in _had_orders(facts, state) and wave.order is None
            if lost or silent:
                what = "lost all its routes" if lost else "says nothing any more on its routes"
                whose = catch_all.name if catch_all else "nobody"
                text = f"{role} {what}: its hosts follow {whose} instead"
                yield Finding("error", "emptied", role, text, "publish what it had before once more")


def _had_routes(facts: Facts, state: State) -> set[str]:
    """Return the waves of a channel that ever had routes."""
    before = facts.before.get(state.channel.role)
    found = {role for role, one in before.delegations.items() if one.paths} if before else set()
    for paper in versions_of(facts, state.channel.role):
        found |= {role for role, one in paper.view().delegations.items() if one.paths}
    return {role for role in found if role.rpartition(".")[2] not in NOT_WAVES}


def _had_orders(facts: Facts, state: State) -> set[str]:
    """Return the waves of a channel that ever had orders."""
    roles = [state.channel.below(wave.name) for wave in state.waves]
    live = {role for role in roles if role in facts.before and facts.before[role].entries}
    return live | {role for role in roles if any(paper.lists() for paper in versions_of(facts, role))}


def versions_of(facts: Facts, role: str) -> list[Paper]:
    """Return every version of a role that was published, where everything was looked at."""
    history = facts.seen.history
    made = history.publications if history else ()
    return list(dict.fromkeys(paper for one in made if (paper := one.roles.get(role))))
