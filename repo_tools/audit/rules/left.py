"""What lies in the store and nobody needs: later timestamps, roots, roles; and whether that does any harm."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from repo_tools.audit.findings import Finding, Level
from repo_tools.audit.history import History, Publication, borne_out, delegated_by
from repo_tools.roles import TOP_LEVEL, parent
from repo_tools.signing import who
from repo_tools.words.trust import trust_changes

UNFINISHED = timedelta(days=1)
"""The job that refreshes every day finishes what a killed publisher left, or goes past it."""


def later(history: History, now: datetime) -> Iterator[Finding]:
    """A timestamp above the served one: a killed publisher's last file, or what somebody hides."""
    live = history.live
    good = [one for one in history.strays if borne_out(one, history.proofs)]
    for one in history.strays if live else ():
        if live and one in good:
            text = f"timestamp {live.number} is served, and {one.number} was signed already: {_why(good)}"
            text += f"; {_brings(live, one)}"
            yield Finding(_weight(good, one, now), "served", "timestamp", one.number, text, one.at)
        else:
            text = f"timestamp {one.number} lies in the store; its key was revoked, and no client reads it"
            yield Finding("warning", "stray", "timestamp", one.number, text, one.at)


def passed(history: History, _now: datetime) -> Iterator[Finding]:
    """A timestamp that was never public, as the next one says: what a publisher left who was killed."""
    for one in history.passed:
        before = [made for made in history.publications if made.number < one.number]
        if not borne_out(one, history.proofs):
            text = f"timestamp {one.number} lies in the store; its key was revoked, and no client reads it"
            yield Finding("warning", "stray", "timestamp", one.number, text, one.at)
        elif before:
            text = (
                f"timestamp {one.number} was never public, says the one after it; {_brings(before[-1], one)}"
            )
            yield Finding("note", "passed", "timestamp", one.number, text, one.at)


def unused(history: History, _now: datetime) -> Iterator[Finding]:
    """A root that no timestamp needed: clients follow it all the same, so its signers are named."""
    needed = {one.root.number for one in history.publications}
    chain = history.collected.versions("root")
    for before, root in pairwise(chain):
        proof = history.proofs.of(root, root)
        if root.number in needed or not proof or not proof.holds:
            continue
        changes = "; ".join(trust_changes(root.view(), before.view())) or f"renews {before.text}"
        text = f"{root.text}, signed by {who(proof.signed)}, is needed by no timestamp: {changes}"
        yield Finding("note", "unused", "root", root.number, text)


def stray(history: History, _now: datetime) -> Iterator[Finding]:
    """A role in the snapshot that nobody delegates to: no client asks for it; anybody may have signed it."""
    known = {*TOP_LEVEL}
    good: set[tuple[int, str]] = set()
    for step in history.steps:
        after = step.after
        for paper in step.brought.values():
            known.update(delegated_by(paper))
        for role, listed in step.listed.items():
            if role in TOP_LEVEL:
                continue
            above = after.delegator(role)
            if role not in known:
                text = f"{role} {listed.version} is in the snapshot, and nobody ever delegated to it"
            elif above is None or (id(above), role) in good or above.trusted(role):
                good.add((id(above), role))
                continue
            else:
                text = f"{role} {listed.version} is new, and {parent(role)} does not delegate to it any more"
            yield Finding("warning", "stray", role, listed.version, text, after.at)


def _why(good: list[Publication]) -> str:
    if len(good) > 1:
        return "one killed publisher leaves one, so an old timestamp was put back"
    return "its publisher was killed at the last step, or somebody put an old one back"


def _weight(good: list[Publication], one: Publication, now: datetime) -> Level:
    if len(good) > 1:
        return "error"
    return "note" if one.at and now - one.at < UNFINISHED else "warning"


def _brings(before: Publication, after: Publication) -> str:
    """Return what clients would have seen, and what that means for those that did."""
    new = [
        f"{role} {listed.version}"
        for role, listed in after.listed.items()
        if before.listed.get(role) != listed
    ]
    if not new:
        return "it says nothing new: harmless"
    return f"it brings {', '.join(sorted(new))}: harmless unless a client saw it, which refuses what is older"
