"""A rule about paths: who answers first, and whether every client agrees."""

from collections.abc import Iterator

from repo_tools.checks.facts import Facts, Finding
from repo_tools.roles import FLEET, NOT_WAVES, POLICY, is_wave
from repo_tools.rollouts.state import State
from repo_tools.signed.views import Delegation

_ODD = frozenset("[]{}!()+#\\")
"""Marks that TUF clients read differently."""
_ITSELF = "take it out: what a role says itself comes before whatever it delegates"


def shadowed(facts: Facts) -> Iterator[Finding]:
    """A path that another role answers first (whoever comes first always does), or no client agrees on."""
    yield from _top(facts)
    for state in facts.channels:
        view = facts.after[state.channel.role]
        for path in sorted(view.entries.keys() - {state.channel.path(POLICY)}):
            text = f"{path} lies in {view.role} itself, which answers before its waves: agents refuse it"
            yield Finding("error", "shadowed", view.role, text, _ITSELF)
        yield from _claimed(facts, state)
        for found in view.delegations.values():
            yield from _odd(found)


def _top(facts: Facts) -> Iterator[Finding]:
    view = facts.after["targets"]
    for path in sorted(view.entries):
        text = f"targets lists {path} itself, and answers before every other role"
        yield Finding("error", "shadowed", "targets", text, _ITSELF)
    for role, found in view.delegations.items():
        for path in sorted({*found.paths} ^ {_own(role)}):
            verb = "speak for" if path in found.paths else "no longer speak for"
            text = f"targets lets {role} {verb} {path}, which is {'not ' * (path in found.paths)}its own"
            yield Finding("error", "shadowed", role, text, "sign targets as it was")
        yield from _open(found)


def _own(role: str) -> str:
    """Return what a role below targets speaks for."""
    product, _, name = role.partition(".")
    if role == FLEET:
        return f"{FLEET}/*"
    return f"releases/{product}/*/*" if name == "releases" else f"rollout/{product}/{name}/*"


def _claimed(facts: Facts, state: State) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for role, found in facts.after[state.channel.role].delegations.items():
        for path in found.paths:
            if path in owners:
                text = f"{path} belongs to {owners[path]} already, which always answers first"
                yield Finding("error", "shadowed", role, text)
            owners.setdefault(path, role)


def _odd(found: Delegation) -> Iterator[Finding]:
    role = found.role
    if not found.paths and role.rpartition(".")[2] not in NOT_WAVES:
        text = f"{role} reaches no host: its share is too small, or nobody was counted into it yet"
        yield Finding("warning", "shadowed", role, text, "tidegate waves gives it hosts")
    if any(_ODD & {*path} for path in found.paths):
        text = f"{role} has a path pattern that TUF clients read differently"
        yield Finding("error", "shadowed", role, text, "use literal paths, * and ?")
    if is_wave(role) and any({*"*?"} & {*path} for path in found.paths):
        text = f"{role} has a path pattern, and would answer for routes of others"
        yield Finding("error", "shadowed", role, text, "a wave has exactly its routes")
    yield from _open(found)


def _open(found: Delegation) -> Iterator[Finding]:
    if not found.terminating:
        text = f"{found.role} does not end a client's search: where it says nothing, others may answer"
        yield Finding("warning", "shadowed", found.role, text, "delegate it as terminating")
