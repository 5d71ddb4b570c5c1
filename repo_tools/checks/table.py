"""All rules, in their order."""

from collections.abc import Callable, Iterable

from metadata.errors import CheckFailedError
from repo_tools.checks import lateness, orders, selections, served, trust
from repo_tools.checks.facts import Facts, Finding
from repo_tools.recovery import halves

Rule = Callable[[Facts], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    trust.backwards,
    served.mirrors,
    trust.jump,
    trust.gone,
    trust.key_types,
    trust.thresholds,
    trust.shared_keys,
    halves.stolen_keys,
    halves.orphans,
    trust.shadowed,
    orders.shares,
    orders.mixed_routes,
    orders.changed_document,
    orders.nowhere,
    orders.barriers,
    orders.spreads,
    lateness.late,
    orders.recalls,
    orders.paused,
    orders.withdrawn,
    selections.forgotten,
    served.future,
    served.stale,
    trust.expiry,
)


def run(facts: Facts) -> list[Finding]:
    """Return what is wrong, errors first."""
    found = [finding for rule in RULES for finding in rule(facts)]
    return sorted(found, key=lambda finding: finding.level)


def failure(findings: list[Finding]) -> CheckFailedError | None:
    """Return the error that stops a publication, or None."""
    errors = [finding for finding in findings if finding.level == "error"]
    if not errors:
        return None
    text = "; ".join(finding.text for finding in errors)
    return CheckFailedError(
        f"this would hurt agents: {text}", errors[0].hint or "tidegate check lists it all"
    )
