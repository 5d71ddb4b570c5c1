"""The pages of the past: how releases went, and every signed change with its signers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metadata.versions import parse
from repo_tools.audit.log import Change, Log, Wanted
from repo_tools.audit.past import NOWHERE
from repo_tools.audit.report import Report, audit, whole
from repo_tools.checks.facts import Facts
from repo_tools.checks.served import too_old
from repo_tools.checks.trust import FAIL_BELOW, WARN_BELOW
from repo_tools.contents import Contents
from repo_tools.desk import Desk
from repo_tools.pages.heard import Heard, moment
from repo_tools.pages.model import Ahead, AuditPage, Expiry, ReleaseRow, SignedChange, Standstill
from repo_tools.roles import ONLINE, lifetime
from repo_tools.rollouts.refusals import gone
from repo_tools.rollouts.state import State
from repo_tools.words.text import cut

MOST_CHANGES = 300
"""Changes on the audit page; ``tidegate log`` has all."""
MOST_RELEASES = 100
NOT_LISTED = "not listed"
"""What is said of a release that was retired, or never was."""
MOST_BROKEN = 20


def changes(desk: Desk) -> tuple[list[SignedChange], Report]:
    """Return every published change, newest first, and the audit that read them."""
    trusted = desk.workspace.root_bytes()
    report = whole(desk.first, trusted, desk.now) or audit(desk.first, trusted, desk.now)
    told = Log(report.history, Contents(NOWHERE, desk.first)).changes(Wanted())
    return [_change(one) for one in told], report


def _change(one: Change) -> SignedChange:
    return SignedChange(
        one.at, one.role, one.version, one.text, tuple(dict.fromkeys(key.person for key in one.signed_by))
    )


def standstill(facts: Facts) -> Standstill:
    """Return why hosts start nothing, as ``check`` judges it."""
    stale, expired = [str(one) for one in too_old(facts)], _expired(facts)
    commands = _mends(expired) if stale or expired else ()
    return Standstill(tuple(stale), tuple(expired), commands, _ahead(facts))


def _mends(expired: Sequence[str]) -> tuple[str, ...]:
    by_people = [role for role in expired if role not in ONLINE]
    return ("tidegate renew", "tidegate publish") if by_people else ("tidegate refresh",)


def _ahead(facts: Facts) -> Ahead:
    """Return what ends first: a role, or what the timestamp is to a channel's hosts."""
    ends = dict(facts.expiries)
    if facts.issued:
        lasts_s = (ends["timestamp"] - facts.issued).total_seconds()
        fresh_s = min([lasts_s, *(one.policy.fresh_s for one in facts.channels)])
        ends["timestamp"] = facts.issued + timedelta(seconds=fresh_s)
    at, role = min((at, role) for role, at in ends.items())
    return Ahead(role, at, _mends([role]))


def _expired(facts: Facts) -> list[str]:
    return [role for role, at in sorted(facts.expiries.items(), key=lambda item: item[1]) if at <= facts.now]


def audit_page(desk: Desk, facts: Facts, told: list[SignedChange], report: Report) -> AuditPage:
    """Return the page of changes and of what ends when."""
    ends = sorted(facts.expiries.items(), key=lambda item: item[1])
    broken = [found.text for found in report.findings if found.level == "error"]
    return AuditPage(
        tuple(told[:MOST_CHANGES]),
        max(0, len(told) - MOST_CHANGES),
        tuple(Expiry(role, at, _level(facts, desk, role)) for role, at in ends),
        tuple(map(cut, broken[:MOST_BROKEN])),
    )


def _level(facts: Facts, desk: Desk, role: str) -> str:
    """Return how far a role is in its life, by what ``check`` warns of and what it refuses."""
    at = facts.expiries[role]
    if at <= facts.now:
        return "expired"
    top = desk.tree.view("root").delegations.get(role)
    life = timedelta(seconds=top.lifetime_s) if top and top.lifetime_s else lifetime(role)
    left = (at - facts.now) / life
    if left < FAIL_BELOW or (role == "timestamp" and too_old(facts)):
        return "late"
    return "soon" if left < WARN_BELOW else "ok"


@dataclass(frozen=True)
class _Product:
    """What is signed about a product's releases."""

    states: Sequence[State]
    """Its channels."""
    published: frozenset[str]
    ever: frozenset[str]
    now: datetime

    def said(self, version: str) -> str:
        """Return in words how a release stands."""
        gone = {one.channel.name: self._withdrawn(one, version) for one in self.states}
        if len(found := set(gone.values())) == 1 and (why := found.pop()):
            return why
        if said := [f"{why} in {channel}" for channel, why in gone.items() if why]:
            return ", ".join(said)
        if version not in self.ever:
            return NOT_LISTED
        return "published" if version in self.published else "retired"

    def _withdrawn(self, state: State, version: str) -> str:
        known = version in self.ever or state.policy.revocation(version)
        return gone(state, version, self.now) if known else ""


def history(heard: Heard, states: Sequence[State], now: datetime) -> list[ReleaseRow]:
    """Return how releases went: what hosts took, then what none took, then what only hosts claim.

    Args:
        heard: The lake.
        states: The channels.
        now: The present, by which recalls end.
    """
    by_product: dict[str, list[State]] = {}
    for one in states:
        by_product.setdefault(one.channel.product, []).append(one)
    products = {
        name: _Product(mine, mine[0].catalog.public_versions, mine[0].catalog.ever_public, now)
        for name, mine in by_product.items()
    }
    rows = [_release(row, products) for row in heard.named("releases")]
    told = {(one.product, one.version) for one in rows}
    rows += [
        ReleaseRow(name, version, product.said(version))
        for name, product in products.items()
        for version in sorted(product.published, key=parse, reverse=True)
        if (name, version) not in told
    ]
    return sorted(rows, key=lambda one: one.state == NOT_LISTED)[:MOST_RELEASES]


def _release(row: Mapping[str, Any], products: Mapping[str, _Product]) -> ReleaseRow:
    known = products.get(row["product"])
    return ReleaseRow(
        product=row["product"],
        version=cut(row["version"]),
        state=known.said(row["version"]) if known else NOT_LISTED,
        started=row["started"],
        kept=row["kept"],
        ok=row["ok"],
        back=row["back"],
        failed=row["failed"],
        running=row["running"],
        first=moment(row["first"]),
    )
