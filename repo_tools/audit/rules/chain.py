"""Signatures: each root by the one before it, everything else by its delegator of that time."""

from collections.abc import Iterator
from datetime import datetime

from repo_tools.audit.findings import Finding, Level
from repo_tools.audit.history import SIGNED_BY_ROOT, History, Publication
from repo_tools.audit.papers import Paper, Root
from repo_tools.audit.proofs import Proof
from repo_tools.signing import who


def roots(history: History, _now: datetime) -> Iterator[Finding]:
    """A root that is not signed by its own keys and by those of the root before it."""
    chain = history.collected.versions("root")
    for before, root in zip([chain[0], *chain], chain, strict=False):
        for judge, whose in ((before, f"of root {before.number}"), (root, "of its own")):
            proof = history.proofs.of(root, judge)
            if proof is None or not proof.holds:
                text = f"{root.text} lacks signatures by keys {whose}: {_count(proof)}"
                yield Finding("error", "signature", "root", root.number, text)


def signatures(history: History, _now: datetime) -> Iterator[Finding]:
    """A role without enough signatures of keys that its delegator of that time names."""
    ever: dict[str, set[str]] = {}
    judged: set[tuple[str, int, int]] = set()
    for step in history.steps:
        for role in step.judged:
            paper, judge = step.after.paper(role), step.after.delegator(role)
            if paper and judge and (role, paper.number, judge.number) not in judged:
                judged.add((role, paper.number, judge.number))
                new = step.before is None or step.before.paper(role) is not paper
                yield from _signed(history, step.after, role, ever, new=new)


def stolen(history: History, _now: datetime) -> Iterator[Finding]:
    """A new version that holds by the signature of a key which was called stolen before."""
    if not any(paper.body.revoked for paper in history.collected.papers.values()):
        return
    for step in history.steps:
        if step.before is None:
            continue  # what is signed before the first publication that is known was signed in time
        for role in step.judged:
            paper, judge = step.after.paper(role), step.after.delegator(role)
            if paper is None or judge is None or step.before.paper(role) is paper:
                continue
            called = _called_stolen(step.before, judge)
            proof = history.proofs.of(paper, judge) if called else None
            bad = [key for key in proof.signed if key.keyid in called] if proof else []
            if proof and bad:
                text = f"{paper.text} is signed by {who(bad)}, which was called stolen before"
                level: Level = "error" if len(proof.signed) - len(bad) < proof.threshold else "warning"
                yield _finding(level, "stolen_key", paper, text, step.after)


def _called_stolen(before: Publication, judge: Paper) -> set[str]:
    """Return the ids of keys that root, targets or a role's delegator called stolen in a publication."""
    said = [before.root, before.roles.get("targets"), before.roles.get(judge.role)]
    return {keyid for paper in said if paper for keyid in paper.body.revoked}


def live(history: History, _now: datetime) -> Iterator[Finding]:
    """What is served now does not hold under the newest root, which is the one that clients follow."""
    now = history.live
    if now is None:
        return
    last = history.publications[-1] if history.publications else None
    if last and last.root == now.root:
        return
    ever = _named_by(history.collected.versions("root"))
    for role in SIGNED_BY_ROOT:
        yield from _signed(history, now, role, dict(ever), new=False)


def _signed(
    history: History, publication: Publication, role: str, ever: dict[str, set[str]], *, new: bool
) -> Iterator[Finding]:
    """Judge one role of a publication.

    Args:
        history: All of it.
        publication: The one that is judged.
        role: What is judged.
        ever: Gathers the keys that each role had before.
        new: Whether this version appears here first; an older one may have been signed in time by a key that
            was replaced since.
    """
    paper, delegator = publication.paper(role), publication.delegator(role)
    proof = history.proofs.of(paper, delegator) if paper and delegator else None
    if paper is None or delegator is None or proof is None:
        return
    revoked = proof.strangers & ever.get(role, set())
    ever.setdefault(role, set()).update(proof.named)
    if not proof.holds:
        how = "its keys were revoked" if revoked else f"it has {_count(proof)}"
        text = f"{paper.text} does not hold under {delegator.text}: {how}"
        rule = "revoked_key" if revoked else "signature"
        yield _finding("error", rule, paper, text, publication)
    elif revoked and new:
        text = f"{paper.text} is also signed by a key that {delegator.text} does not trust any more"
        yield _finding("warning", "revoked_key", paper, text, publication)
    elif new and proof.threshold > 1 and len(proof.people) < proof.threshold:
        text = f"{paper.text} needs {proof.threshold} signatures, and {who(proof.signed)} gave them all"
        yield _finding("warning", "one_person", paper, text, publication)


def _finding(level: Level, rule: str, paper: Paper, text: str, publication: Publication) -> Finding:
    return Finding(level, rule, paper.role, paper.number, text, publication.at)


def _named_by(chain: list[Paper]) -> dict[str, set[str]]:
    """Return the keys that top-level roles had under any root."""
    found: dict[str, set[str]] = {}
    for root in chain:
        assert isinstance(root.body, Root)  # the chain holds nothing else
        for role, one in root.body.roles.items():
            found.setdefault(role, set()).update(one.keyids)
    return found


def _count(proof: Proof | None) -> str:
    if proof is None:
        return "nobody may sign it"
    return f"{len(proof.signed)} of {proof.threshold} signatures ({who(proof.signed)})"
