"""Rules about what is served already: by mirrors, and for how long."""

from collections.abc import Iterator
from datetime import timedelta

from repo_tools.checks.facts import Facts, Finding
from repo_tools.output import moment
from repo_tools.publishing.clocks import TOLERATED


def mirrors(facts: Facts) -> Iterator[Finding]:
    """A mirror serves a newer version than this publication would; its clients would refuse to go back."""
    for location, served in facts.mirrors.items():
        if isinstance(served, str):
            text = f"the mirror {location} cannot be compared: {served}"
            yield Finding("warning", "mirrors", "timestamp", text, "mend it, or take it out of tidegate.toml")
            continue
        for role, version in served.items():
            here = facts.after[role].version if role in facts.after else facts.versions.get(role, version)
            if version > here:
                text = f"{location} serves {role} {version} already, and {here} is all there is here"
                hint = "somebody published there: bring it here first, and prepare the change again"
                yield Finding("error", "mirrors", role, text, hint)


def future(facts: Facts) -> Iterator[Finding]:
    """A timestamp that claims to be signed later than now."""
    if facts.issued and not facts.publishing and facts.issued - facts.now > TOLERATED:
        text = f"the timestamp was signed in the future: {moment(facts.issued)}"
        hint = (
            "look at the publisher's clock; if that is right, somebody else has the key: tidegate key revoke"
        )
        yield Finding("error", "future", "timestamp", text, hint)


def stale(facts: Facts) -> Iterator[Finding]:
    """A timestamp that was signed so long ago that agents start nothing."""
    if facts.issued is None or facts.publishing:
        return
    age = facts.now - facts.issued
    for state in facts.channels:
        fresh = timedelta(seconds=state.policy.fresh_s)
        if age > fresh:
            hours = age.total_seconds() / 3600
            text = f"agents of {state.channel} start nothing: the timestamp was signed {hours:.0f} hours ago"
            yield Finding("error", "stale", "timestamp", text, "tidegate refresh")
