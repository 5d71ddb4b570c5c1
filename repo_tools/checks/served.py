"""Rules about what is served already: which files, by mirrors, and for how long."""

from collections.abc import Iterator
from datetime import timedelta

from repo_tools.checks.facts import Facts, Finding, Level
from repo_tools.checks.mirrors import Mirror
from repo_tools.output import moment
from repo_tools.publishing.clocks import TOLERATED
from repo_tools.roles import Channel


def mirrors(facts: Facts) -> Iterator[Finding]:
    """A mirror that is ahead, behind, or not the same repository; its clients stop, or refuse what comes."""
    for mirror in facts.mirrors:
        if mirror.trouble:
            what = "is not this repository" if mirror.answers else "cannot be compared"
            level: Level = "error" if mirror.answers and not facts.publishing else "warning"
            text = f"the mirror {mirror.location} {what}: {mirror.trouble}"
            yield Finding(level, "mirrors", "timestamp", text, "mend it, or take it out of tidegate.toml")
        for text in mirror.differs:
            said = f"the mirror {mirror.location} is not what was published: {text}"
            yield Finding("error", "mirrors", "timestamp", said, "empty it, and publish again to fill it")
        yield from _compared(facts, mirror)


def _compared(facts: Facts, mirror: Mirror) -> Iterator[Finding]:
    for role, version in mirror.versions.items():
        here = facts.after[role].version if role in facts.after else facts.versions.get(role, version)
        if version > here:
            text = f"{mirror.location} serves {role} {version} already, and {here} is all there is here"
            hint = "somebody published there: bring it here first, and prepare the change again"
            yield Finding("error", "mirrors", role, text, hint)
    now, there = facts.versions.get("timestamp", 0), mirror.versions.get("timestamp", 0)
    if not facts.publishing and not mirror.trouble and there < now:
        serves = f"serves timestamp {there}" if there else "serves nothing yet"
        text = f"the mirror {mirror.location} {serves}, and {now} is live"
        hint = "tidegate publish brings it what it lacks, also when nothing is staged"
        yield Finding("warning", "mirrors", "timestamp", text, hint)


def files(facts: Facts) -> Iterator[Finding]:
    """A listed file that is not there, or that is not what was signed: hosts cannot have it."""
    for one in (*facts.seen.damage, *facts.unread):
        yield Finding("error", "files", one.role, one.text, one.hint)


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
    if facts.publishing or not facts.versions.get("timestamp"):
        return
    if facts.issued is None:
        text = "agents start nothing: the timestamp does not say when it was signed"
        yield Finding("error", "stale", "timestamp", text, "tidegate refresh")
        return
    hours = (facts.now - facts.issued).total_seconds() / 3600
    for channel in too_old(facts):
        text = f"agents of {channel} start nothing: the timestamp was signed {hours:.0f} hours ago"
        yield Finding("error", "stale", "timestamp", text, "tidegate refresh")


def too_old(facts: Facts) -> list[Channel]:
    """Return the channels for whose agents the live timestamp is too old to start anything by."""
    age = facts.now - facts.issued if facts.issued else timedelta.max
    return [one.channel for one in facts.channels if age > timedelta(seconds=one.policy.fresh_s)]
