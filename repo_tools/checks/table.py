"""All rules, in their order."""

from collections.abc import Callable, Iterable

from metadata.errors import CheckFailedError, TidegateError
from repo_tools.checks import (
    braked,
    enrolling,
    lateness,
    moves,
    orders,
    past,
    releases,
    reopening,
    reused,
    selections,
    served,
    shadows,
    trust,
)
from repo_tools.checks.facts import Facts, Finding
from repo_tools.recovery import halves

Rule = Callable[[Facts], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    trust.backwards,
    served.mirrors,
    served.files,
    past.jump,
    past.roots,
    trust.gone,
    trust.key_types,
    trust.thresholds,
    trust.shared_keys,
    halves.stolen_keys,
    halves.orphans,
    enrolling.enrolling,
    shadows.shadowed,
    past.emptied,
    releases.sequence,
    releases.documents,
    orders.shares,
    orders.mixed_routes,
    orders.changed_document,
    orders.nowhere,
    orders.barriers,
    orders.spreads,
    lateness.late,
    lateness.ended,
    orders.recalls,
    orders.bases,
    orders.paused,
    braked.braked,
    reused.reused,
    orders.withdrawn,
    moves.moved,
    reopening.reopened,
    selections.forgotten,
    selections.unfit,
    served.future,
    served.stale,
    trust.expiry,
)


def run(facts: Facts) -> list[Finding]:
    """Return what is wrong, errors first."""
    found = [finding for rule in RULES for finding in _tried(rule, facts)]
    return sorted(found, key=lambda finding: finding.level)


def _tried(rule: Rule, facts: Facts) -> list[Finding]:
    """Return what a rule finds; what it cannot read was said by name already."""
    try:
        return list(rule(facts))
    except TidegateError:
        if not facts.seen.damage and not facts.unread:
            raise
        return []


def failure(findings: list[Finding]) -> CheckFailedError | None:
    """Return the error that stops a publication, or None."""
    errors = [finding for finding in findings if finding.level == "error"]
    if not errors:
        return None
    text = "; ".join(finding.text for finding in errors)
    return CheckFailedError(
        f"this would hurt agents: {text}", errors[0].hint or "tidegate check lists it all"
    )
