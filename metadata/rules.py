"""The rules of the decision, in their order; the numbers are those of the design.

Each rule answers, or passes (None), or puts another question: a base or a barrier's ``via`` takes the
order's place. The last rule answers everything that is left.
"""

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from metadata import places
from metadata.documents import Policy
from metadata.facts import Decision, Question, utc
from metadata.schedule import BEGINNING, starts_at
from metadata.versions import parse, within
from metadata.windows import Window, next_span

MAX_VIAS = 8
"""Barriers in a row that a host follows; a longer chain is a mistake or a loop."""

Rule = Callable[[Question], "Decision | Question | None"]


def foreign(q: Question) -> Decision | None:
    """1: order, policy or release is not for this product, channel, wave, platform or token."""
    here = (q.host.product, q.host.channel)
    if (q.order.product, q.order.channel) != here:
        return q.refuse("foreign", f"the order is for {q.order.product}/{q.order.channel}")
    if (q.policy.product, q.policy.channel) != here:
        return q.refuse("foreign", f"the policy is for {q.policy.product}/{q.policy.channel}")
    if q.order.wave != q.directed.wave:
        return q.refuse("foreign", f"wave {q.directed.wave} signed an order for wave {q.order.wave}")
    if q.host.scope is not None and "/".join(here) not in q.host.scope:
        return q.refuse("foreign", f"this host's token does not allow {'/'.join(here)}")
    if q.release and (q.release.product, q.release.version) != (here[0], q.version):
        return q.refuse("foreign", f"the release is {q.release.product} {q.release.version}")
    if q.release and q.artifact is None:
        return q.refuse("foreign", f"{q.version} has nothing for {q.host.platform}")
    return None


def base(q: Question) -> Question | None:
    """2: no product here, or what runs is below the base: the base takes the order's place, at once."""
    target = q.order.base
    if target is None or q.role != "order":
        return None
    if q.host.running is None or parse(q.host.running) < parse(target.version):
        return replace(q, version=target.version, sha256=target.sha256, role="base", at_once=True)
    return None


def disagree(q: Question) -> Decision | None:
    """3: the wave's digest is not the releases role's digest, or the version was known with another."""
    listed = q.releases.digests.get(q.version)
    if listed is None or q.release is None:
        return q.refuse("disagree", f"the releases role does not list {q.version}")
    if listed != q.sha256:
        return q.refuse("disagree", f"wave and releases roles name different documents for {q.version}")
    if q.host.known.get(q.version, listed) != listed:
        return q.refuse("disagree", f"{q.version} was published before with another document")
    return None


def revoked(q: Question) -> Decision | None:
    """4: the version is revoked or below the floor."""
    reason = q.withdrawn(q.version)
    return q.refuse("revoked", reason) if reason else None


def current(q: Question) -> Decision | None:
    """5: already running it."""
    if q.version != q.host.running or q.host.stranded:
        return None
    if q.role == "via":
        return q.refuse("barrier", f"the way to {q.order.version} leads through {q.version}, which runs here")
    return q.stay("current", f"{q.version} is what the {q.order.wave} wave runs")


def pinned(q: Question) -> Decision | None:
    """6: the local pin excludes it, unless what runs is revoked and the policy lets pins yield."""
    if not q.host.pin or within(q.version, q.host.pin):
        return None
    if q.policy.pins_yield and q.host.running and q.withdrawn(q.host.running):
        return None
    return q.stay("pinned", f"{q.version} is outside this host's pin {q.host.pin}")


def quarantined(q: Question) -> Decision | None:
    """7: this host gave this payload up, and the order does not ask to try again."""
    noted = q.host.quarantine.get(q.artifact.payload_sha256) if q.artifact else None
    if noted is None or q.order.retry > noted:
        return None
    return q.stay(
        "quarantined",
        f"{q.version} failed on this host; it waits for a new build or a signed retry",
    )


def ahead(q: Question) -> Decision | None:
    """8: lower than what runs, not recalled, and what runs is live and not revoked."""
    running = q.host.running
    if not q.backwards or running is None or q.recalled or q.host.stranded:
        return None
    if running in q.releases.digests and not q.withdrawn(running):
        return q.stay("ahead", f"{running} runs here, ahead of {q.version}, and is still live")
    return None


def downgrade(q: Question) -> Decision | None:
    """9: lower than what runs, or than the highest ever committed, and no recall covers what runs."""
    if q.recalled:
        return None
    if q.backwards:
        return q.refuse("downgrade", f"{q.version} is lower than {q.host.running}, and no recall covers that")
    if q.release and q.release.seq < q.host.highest_seq:
        text = f"{q.version} is number {q.release.seq}; this host has committed {q.host.highest_seq}"
        return q.refuse("downgrade", text)
    return None


def stale(q: Question) -> Decision | None:
    """10: the repository was last signed too long ago."""
    if q.at_once:
        return None
    if q.issued is None:
        return q.stay("stale", "the timestamp does not say when it was issued")
    if (q.now - q.issued).total_seconds() <= q.policy.fresh_s:
        return None
    return q.stay("stale", f"the repository was last signed {utc(q.issued)}, or this host's clock is wrong")


def hold(q: Question) -> Decision | None:
    """11: the order holds, or the brake names it."""
    if q.role == "via" and q.brake.holds_version(q.version):
        return q.stay("hold", f"the brake holds {q.version}: {q.brake.reason or 'no reason given'}")
    if q.at_once:
        return None
    if q.order.state == "hold":
        return q.stay("hold", f"the {q.order.wave} wave is on hold: {q.order.reason or 'no reason given'}")
    held = q.order.rollout if q.brake.holds_rollout(q.order.rollout) else q.version
    if held == q.order.rollout or q.brake.holds_version(q.version):
        return q.stay("hold", f"the brake holds {held}: {q.brake.reason or 'no reason given'}")
    return None


def closed(q: Question) -> Decision | None:
    """11: nobody renewed the order in time."""
    if q.at_once or q.order.not_after is None or q.now < q.order.not_after:
        return None
    return q.stay("closed", f"{q.order.rollout} stopped starting hosts {utc(q.order.not_after)}")


def window(q: Question) -> Decision | None:
    """12: outside the local maintenance window."""
    if q.at_once or not _windows(q):
        return None
    span = next_span(_windows(q), q.now, q.host.zone)
    if span is None or span.opens_at <= q.now:
        return None
    return q.wait("window", f"{q.version} waits for the maintenance window", _start(q))


def not_yet(q: Question) -> Decision | None:
    """13: this host's turn in the spread has not come."""
    if q.at_once or (start := _start(q)) <= q.now:
        return None
    if not q.host.hurried:
        return q.wait("not_yet", f"{q.version} starts on this host", start)
    if not q.policy.allow_now:
        return q.wait("not_yet", f"no host of this channel goes before its turn: {q.version} starts", start)
    lifted = q.brake.since or BEGINNING  # a hold until then, and nobody is let past a hold
    return q.wait("not_yet", f"the brake is lifted for {q.version}", lifted) if lifted > q.now else None


def barrier(q: Question) -> Decision | Question | None:
    """14: what runs is outside ``requires``: decide again with ``via`` in the order's place."""
    release, running = q.release, q.host.running
    if release is None or running is None or release.requires is None or within(running, release.requires):
        return None
    if release.via is None or q.vias == MAX_VIAS:
        return q.refuse(
            "barrier",
            f"{q.version} requires {release.requires}, and no way leads there from {running}",
        )
    return replace(q, version=release.via.version, sha256=release.via.sha256, role="via", vias=q.vias + 1)


def proceed(q: Question) -> Decision:
    """15: otherwise: update, or go back."""
    if q.backwards:
        reason = q.order.recall.reason if q.order.recall else ""
        return Decision("recall", "recall", f"go back to {q.version}: {reason or 'recalled'}", q.version)
    if q.at_once:
        return Decision("update", "base", f"{q.version} is the least that hosts run here", q.version)
    way = f" on the way to {q.order.version}" if q.role == "via" else ""
    return Decision("update", "update", f"update to {q.version}{way}", q.version)


RULES: tuple[Rule, ...] = (
    foreign,
    base,
    disagree,
    revoked,
    current,
    pinned,
    quarantined,
    ahead,
    downgrade,
    stale,
    hold,
    closed,
    window,
    not_yet,
    barrier,
    proceed,
)


def host_fraction(policy: Policy, placed_id: str) -> float:
    """Return a host's part of every spread in a channel, in [0, 1)."""
    return places.fraction(places.place(policy.salt, placed_id))


def _windows(q: Question) -> tuple[Window, ...]:
    """Urgent orders, and recalls from a version that may not run any more, ignore windows."""
    running = q.host.running
    rescued = q.recalled and running is not None and q.withdrawn(running) is not None
    return () if q.order.urgent or rescued else q.host.windows


def _start(q: Question) -> datetime:
    anchor = max(q.order.not_before or BEGINNING, q.brake.since or BEGINNING)
    fraction = host_fraction(q.policy, q.host.placed_id)
    return starts_at(anchor, q.order.spread_s, fraction, _windows(q), q.host.zone, q.now)
