"""A check as OpenMetrics text, for monitoring jobs."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from metadata.openmetrics import END, gauge
from repo_tools.checks.facts import Facts, Finding

_DAY = timedelta(days=1)


def openmetrics(facts: Facts, found: Sequence[Finding]) -> Iterator[str]:
    """Yield lines: days to expiry and version of each role, age of the timestamp, findings by rule."""
    left = [({"role": role}, f"{(at - facts.now) / _DAY:.3f}") for role, at in sorted(facts.expiries.items())]
    yield from gauge("tidegate_expiry_days", "Days until a role expires.", left)
    versions = [({"role": role}, str(version)) for role, version in sorted(facts.versions.items())]
    yield from gauge("tidegate_version", "Published version of a role.", versions)
    if facts.issued:
        age = f"{(facts.now - facts.issued).total_seconds():.0f}"
        yield from gauge(
            "tidegate_timestamp_age_seconds", "Seconds since the timestamp was signed.", [({}, age)]
        )
    counts: dict[tuple[str, str], int] = {("error", "any"): 0, ("warning", "any"): 0}
    for one in found:
        counts[one.level, "any"] += 1
        counts[one.level, one.rule] = counts.get((one.level, one.rule), 0) + 1
    samples = [
        ({"level": level, "rule": rule}, str(count)) for (level, rule), count in sorted(counts.items())
    ]
    yield from gauge("tidegate_findings", "What a check found, by level and rule.", samples)
    yield END
