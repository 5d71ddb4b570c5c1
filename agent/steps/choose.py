"""IDLE and STRANDED: refresh, resolve, decide."""

from datetime import datetime

import msgspec

from agent import clock
from agent.backoff import backed_off, stays
from agent.journal import Event
from agent.resolve import Facts
from agent.states import Update
from agent.together import hold_back
from agent.work import Result, Work
from metadata.decide import decide
from metadata.facts import Decision
from metadata.schedule import whole
from metadata.versions import highest


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """The last decision, as the journal keeps it and ``status`` shows it."""

    action: str
    rule: str
    version: str | None
    until: datetime | None
    text: str
    wave: str | None = None
    rollout: str | None = None
    route: str | None = None
    newest: str | None = None
    """The highest live release, whoever is ordered to run it."""


def choose(work: Work, _: Update | None) -> Result:
    """Decide, and begin an update if the decision says so."""
    work.keep_running()
    decision, facts = look(work)
    event = note(work, decision, facts)
    ordered = facts.directed is not None and decision.version is not None
    if not ordered or not (decision.goes or decision.may_stage):
        return Result(False, event=event, halt=True)
    if decision.may_stage and is_staged(work, decision.version or ""):
        return Result(False, event=event, halt=True)
    return Result(True, update=_begin(work, decision, facts), event=event)


def look(work: Work) -> tuple[Decision, Facts]:
    """Refresh and decide; changes nothing on the host but the memory of what was seen."""
    now = clock.now()
    host, facts = work.facts(now)
    if host.running and stays(work, host.running):
        host = msgspec.structs.replace(host, stranded=True)
    for version, (sha256, body) in facts.bodies.items():
        if version not in host.known:
            work.journal.keep_document(work.name, version, sha256, body)
    decision = decide(host, facts.policy, facts.directed, facts.brake, facts.releases, facts.issued, now)
    decision = hold_back(backed_off(work, decision, now), work.product.needs, work.neighbours())
    return only_watch(decision, work.watched), facts


def only_watch(decision: Decision, why: str) -> Decision:
    """Keep a decision from being carried out where the product is only watched."""
    if why and decision.goes:
        return Decision("stay", "observed", f"only watched ({why}): {decision.text}", decision.version)
    return msgspec.structs.replace(decision, may_stage=False) if why else decision


def note(work: Work, decision: Decision, facts: Facts) -> Event | None:
    """Keep the decision for ``status``; return an event when a refusal, or what is only watched, is new."""
    seen = noted(decision, facts)
    before = work.journal.recall(f"decision/{work.name}") or {}
    work.journal.remember({f"decision/{work.name}": msgspec.to_builtins(seen)})
    same = (before.get("rule"), before.get("version")) == (seen.rule, seen.version)
    if not (decision.action == "refuse" or decision.rule == "observed") or same:
        return None
    event = work.event(None, "refusal", "deferred", decision.rule, decision.text)
    return msgspec.structs.replace(event, wave=seen.wave, rollout=seen.rollout, to_version=decision.version)


def noted(decision: Decision, facts: Facts) -> Noted:
    """Return a decision as it is kept and shown."""
    order = facts.directed.order if facts.directed else None
    return Noted(
        action=decision.action,
        rule=decision.rule,
        version=decision.version,
        until=whole(decision.until) if decision.until else None,
        text=decision.text,
        wave=facts.directed.wave if facts.directed else None,
        rollout=order.rollout if order else None,
        route=facts.route,
        newest=highest(facts.releases.digests),
    )


def is_staged(work: Work, version: str) -> bool:
    """Return whether a version is unpacked and verified already."""
    kept = work.journal.recall(f"slot/{work.name}/{version}")
    return kept is not None and work.slots.has(version)


def _begin(work: Work, decision: Decision, facts: Facts) -> Update:
    if facts.directed is None or decision.version is None:
        raise LookupError("a decision to go names a version and an order")
    order = facts.directed.order
    return Update(
        action="recall" if decision.action == "recall" else "update",
        rule=decision.rule,
        wave=facts.directed.wave,
        rollout=order.rollout,
        release=facts.releases.documents[decision.version],
        sha256=facts.releases.digests[decision.version],
        platform=work.platform,
        retry=order.retry,
        before=work.slots.running(),
        previous=work.slots.before(),
        stranded=work.stranded,
        chosen_at=clock.now(),
    )
