"""A check as OpenMetrics text, for monitoring jobs."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from repo_tools.checks.facts import Facts, Finding

_DAY = timedelta(days=1)
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def openmetrics(facts: Facts, found: Sequence[Finding]) -> Iterator[str]:
    """Yield lines: days to expiry and version of each role, age of the timestamp, findings by rule."""
    yield from _head("tidegate_expiry_days", "Days until a role expires.")
    for role, expires_at in sorted(facts.expiries.items()):
        yield f'tidegate_expiry_days{{role="{_text(role)}"}} {(expires_at - facts.now) / _DAY:.3f}'
    yield from _head("tidegate_version", "Published version of a role.")
    for role, version in sorted(facts.versions.items()):
        yield f'tidegate_version{{role="{_text(role)}"}} {version}'
    if facts.issued:
        yield from _head("tidegate_timestamp_age_seconds", "Seconds since the timestamp was signed.")
        yield f"tidegate_timestamp_age_seconds {(facts.now - facts.issued).total_seconds():.0f}"
    yield from _head("tidegate_findings", "What a check found, by level and rule.")
    counts: dict[tuple[str, str], int] = {("error", "any"): 0, ("warning", "any"): 0}
    for one in found:
        counts[one.level, "any"] += 1
        counts[one.level, one.rule] = counts.get((one.level, one.rule), 0) + 1
    for (level, rule), count in sorted(counts.items()):
        yield f'tidegate_findings{{level="{level}",rule="{_text(rule)}"}} {count}'
    yield "# EOF"


def _head(name: str, text: str) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    yield f"# HELP {name} {text}"


def _text(value: str) -> str:
    return value.translate(_ESCAPES)
