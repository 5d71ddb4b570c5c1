"""A rule about registration tokens: whose tokens enrol hosts, and should not."""

from collections.abc import Iterator

from repo_tools.checks.calm import calming
from repo_tools.checks.facts import Facts, Finding, Level
from repo_tools.checks.past import versions_of
from repo_tools.roles import FLEET


def enrolling(facts: Facts) -> Iterator[Finding]:
    """A key that was called stolen, or went from the role that names them, still signs tokens that count."""
    gone = _went(facts)
    for keyid, name in facts.enrolling.items():
        hint = f"tidegate fleet keys --remove {keyid[:16]}; then sign"
        if keyid in facts.stolen:
            level: Level = "warning" if calming(facts) else "error"
            text = f"{name} was called stolen and may still sign registration tokens"
            yield Finding(level, "enrolling", FLEET, text, hint)
        elif keyid in gone:
            text = f"{name} signs {FLEET} no more and may still sign registration tokens"
            yield Finding("warning", "enrolling", FLEET, text, hint)


def _went(facts: Facts) -> set[str]:
    """Return the keys that signed for the fleet once, and do not any more."""
    views = [paper.view() for paper in versions_of(facts, "targets")]
    views += [found["targets"] for found in (facts.before, facts.after) if "targets" in found]
    keys = [
        {key.keyid for key in view.delegations[FLEET].keys} for view in views if FLEET in view.delegations
    ]
    return set().union(*keys) - keys[-1] if keys else set()
