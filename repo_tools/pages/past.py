"""The pages of the past: how releases went, and every signed change with its signers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from repo_tools.audit.log import Change, Log, Wanted
from repo_tools.audit.past import NOWHERE
from repo_tools.audit.report import Report, audit, whole
from repo_tools.checks.facts import gather
from repo_tools.checks.trust import FAIL_BELOW, WARN_BELOW
from repo_tools.contents import Contents
from repo_tools.desk import Desk
from repo_tools.pages.heard import Heard, moment
from repo_tools.pages.model import AuditPage, Expiry, ReleaseRow, SignedChange
from repo_tools.roles import lifetime
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


def audit_page(desk: Desk, told: list[SignedChange], report: Report) -> AuditPage:
    """Return the page of changes and of what ends when."""
    ends = sorted(gather(desk, publishing=False).expiries.items(), key=lambda item: item[1])
    broken = [found.text for found in report.findings if found.level == "error"]
    return AuditPage(
        tuple(told[:MOST_CHANGES]),
        max(0, len(told) - MOST_CHANGES),
        tuple(Expiry(role, at, _level(desk, role, at)) for role, at in ends),
        tuple(map(cut, broken[:MOST_BROKEN])),
    )


def _level(desk: Desk, role: str, at: datetime) -> str:
    """Return how far a role is in its life, by what ``check`` warns of and what it refuses."""
    top = desk.tree.view("root").delegations.get(role)
    life = timedelta(seconds=top.lifetime_s) if top and top.lifetime_s else lifetime(role)
    left = (at - desk.now) / life
    return "late" if left < FAIL_BELOW else "soon" if left < WARN_BELOW else "ok"


def history(heard: Heard, states: Mapping[str, State]) -> list[ReleaseRow]:
    """Return how releases went: those that people published before those that hosts claim.

    Args:
        heard: The lake.
        states: A channel of each product.
    """
    rows = [_release(row, states.get(row["product"])) for row in heard.named("releases")]
    return sorted(rows, key=lambda one: one.state == NOT_LISTED)[:MOST_RELEASES]


def _release(row: Mapping[str, Any], state: State | None) -> ReleaseRow:
    return ReleaseRow(
        product=row["product"],
        version=cut(row["version"]),
        state=_state(state, row["version"]),
        started=row["started"],
        kept=row["kept"],
        ok=row["ok"],
        back=row["back"],
        failed=row["failed"],
        running=row["running"],
        first=moment(row["first"]),
    )


def _state(state: State | None, version: str) -> str:
    if state and any(version == one.version for one in state.policy.revoked):
        return "revoked"
    return "live" if state and version in state.catalog.versions else NOT_LISTED
