"""Signatures: each root by the one before it, everything else by its delegator of that time."""

from collections.abc import Iterator
from datetime import datetime

from repo_tools.audit.findings import Finding, Level
from repo_tools.audit.history import SIGNED_BY_ROOT, History, Judged, Publication
from repo_tools.audit.papers import Paper, Root
from repo_tools.audit.proofs import Proof, Proofs
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
        for one in step.judged:
            known = one.above and (one.paper.role, one.paper.number, one.above.number)
            if known and known not in judged:
                judged.add(known)
                yield from _signed(history.proofs, one, ever, step.after.at)


def stolen(history: History, _now: datetime) -> Iterator[Finding]:
    """A new version that holds by the signature of a key which was called stolen before."""
    if not any(paper.body.revoked for paper in history.collected.papers.values()):
        return
    for step in history.steps:
        if step.before is None:
            continue  # what is signed before the first publication that is known was signed in time
        for one in step.judged:
            paper, judge = one.paper, one.above
            if judge is None or not one.new:
                continue
            called = _called_stolen(step.before, judge)
            proof = history.proofs.of(paper, judge) if called else None
            bad = [key for key in proof.signed if key.keyid in called] if proof else []
            if proof and bad:
                text = f"{paper.text} is signed by {who(bad)}, which was called stolen before"
                level: Level = "error" if len(proof.signed) - len(bad) < proof.threshold else "warning"
                yield _finding(level, "stolen_key", paper, text, step.after.at)


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
        paper = now.paper(role)
        if paper:
            yield from _signed(history.proofs, Judged(paper, now.root, new=False), dict(ever), now.at)


def _signed(proofs: Proofs, one: Judged, ever: dict[str, set[str]], at: datetime | None) -> Iterator[Finding]:
    """Judge one file; if it is not new, a key that was replaced since may have signed it in time.

    Args:
        proofs: Who signed what.
        one: What is judged.
        ever: Gathers the keys that each role had before.
        at: When that became public.
    """
    paper, delegator, new = one.paper, one.above, one.new
    proof = proofs.of(paper, delegator) if delegator else None
    if delegator is None or proof is None:
        return
    before = ever.setdefault(paper.role, set())
    revoked = proof.strangers & before
    before |= proof.named
    if not proof.holds:
        how = "its keys were revoked" if revoked else f"it has {_count(proof)}"
        text = f"{paper.text} does not hold under {delegator.text}: {how}"
        rule = "revoked_key" if revoked else "signature"
        yield _finding("error", rule, paper, text, at)
    elif revoked and new:
        text = f"{paper.text} is also signed by a key that {delegator.text} does not trust any more"
        yield _finding("warning", "revoked_key", paper, text, at)
    elif new and proof.threshold > 1 and len(proof.people) < proof.threshold:
        text = f"{paper.text} needs {proof.threshold} signatures, and {who(proof.signed)} gave them all"
        yield _finding("warning", "one_person", paper, text, at)


def _finding(level: Level, rule: str, paper: Paper, text: str, at: datetime | None) -> Finding:
    return Finding(level, rule, paper.role, paper.number, text, at)


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
