"""Rules about roles: versions, names, keys, thresholds, paths, expiry."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from repo_tools.checks.calm import calming
from repo_tools.checks.facts import Facts, Finding, Level
from repo_tools.roles import BRAKE, LONG, ONLINE, TOP_LEVEL, lifetime, parent
from repo_tools.signed.views import Delegation

KNOWN_KEYS = frozenset(
    {
        ("ed25519", "ed25519"),
        ("ecdsa", "ecdsa-sha2-nistp256"),
        ("ecdsa", "ecdsa-sha2-nistp384"),
        ("rsa", "rsassa-pss-sha256"),
    }
)
"""What the oldest supported agent reads: one unknown key makes a whole role unreadable (python-tuf#2669)."""
WARN_BELOW, FAIL_BELOW = 0.5, 0.25
"""Parts of a role's life that must be left."""


def backwards(facts: Facts) -> Iterator[Finding]:
    """A staged version is not above the published one."""
    for role in facts.staged & facts.after.keys():
        if facts.after[role].version <= facts.versions[role]:
            text = f"{role} {facts.after[role].version} is not above the published {facts.versions[role]}"
            yield Finding(
                "error", "backwards", role, text, "somebody published first: prepare the change again"
            )


def gone(facts: Facts) -> Iterator[Finding]:
    """A name leaves the snapshot or never came into it, a role or a brake is delegated by nobody."""
    for role in sorted(facts.listed_before - facts.listed_after):
        yield Finding("error", "gone", role, f"{role} leaves the snapshot, which breaks every client")
    delegated = {found.role for found in facts.delegations()} - {*TOP_LEVEL}
    for role in sorted(delegated - facts.listed_before - facts.listed_after):
        yield Finding("error", "gone", role, f"{role} is delegated to, and not in the snapshot")
    for role in sorted(facts.staged - facts.after.keys()):
        text = f"{role} is staged, but {parent(role)} does not delegate to it"
        yield Finding("error", "gone", role, text, f"tidegate unstage {role}")
    for brake in sorted({state.channel.below(BRAKE) for state in facts.channels} - delegated):
        above = parent(brake)
        text = f"{above} does not delegate to {brake}: nobody can stop what is rolled out"
        hint = (
            f"tidegate key revoke KEY --compromised --new KEY --good {above}=VERSION, if a thief left it out"
        )
        yield Finding("error", "gone", brake, text, hint)


def key_types(facts: Facts) -> Iterator[Finding]:
    """A key that old agents cannot read."""
    for delegation in facts.delegations():
        for key in delegation.keys:
            if (key.keytype, key.scheme) not in KNOWN_KEYS:
                text = f"key {key.name} is {key.keytype}/{key.scheme}, which agents cannot read"
                yield Finding("error", "key_types", delegation.role, text, "use ed25519, ECDSA or RSA")


def thresholds(facts: Facts) -> Iterator[Finding]:
    """A threshold that cannot be met, or that one lost key makes unreachable."""
    for delegator, found in facts.delegated():
        told = not facts.publishing or delegator in facts.staged  # what is always said is not read
        have = len({key.keyid for key in found.keys})
        if found.threshold < 1 or have < found.threshold:
            text = f"{found.role} needs {found.threshold} signatures and has {have} keys"
            yield Finding("error", "thresholds", found.role, text)
        elif len({key.identity for key in found.keys}) < have:
            text = f"{found.role} has one key under two ids: clients count its signature twice"
            yield Finding("error", "thresholds", found.role, text, "take one of the ids away")
        elif told and have == found.threshold and found.role == "root":
            text = f"root needs every key it has ({have}): losing one locks you out for good"
            yield Finding(
                "warning", "thresholds", found.role, text, "found it with more keys than the threshold"
            )
        if told and (alone := _alone(found)):
            text = f"{found.role} needs {found.threshold} signatures, and {alone} has as many keys"
            yield Finding("warning", "thresholds", found.role, text, "a person has one key for a role")


def _alone(found: Delegation) -> str:
    """Return who meets a threshold of several without anybody else, or nothing."""
    keys = Counter(key.person for key in found.keys)
    return next((who for who, count in keys.items() if 1 < found.threshold <= count), "")


def shared_keys(facts: Facts) -> Iterator[Finding]:
    """A key that can both add a release and order it."""
    for state in facts.channels:
        releases = facts.after["targets"].delegations.get(f"{state.channel.product}.releases")
        trusted = {key.keyid: key.name for key in releases.keys} if releases else {}
        roles = [facts.after["targets"].delegations[state.channel.role]]
        roles += facts.after[state.channel.role].delegations.values()
        for found in roles:
            both = sorted({trusted[key.keyid] for key in found.keys if key.keyid in trusted})
            if both:
                text = (
                    f"{', '.join(both)} may sign {found.role} and releases: one thief could publish and order"
                )
                yield Finding("error", "shared_keys", found.role, text, "give releases keys of their own")


def expiry(facts: Facts) -> Iterator[Finding]:
    """A role that expires soon, so that agents stand still from then on; or one that hardly ever does."""
    mild = calming(facts)
    for role, expires_at in facts.expiries.items():
        left: timedelta = expires_at - facts.now
        part = left / lifetime(role)
        if part > LONG and role not in ONLINE:
            text = f"{role} expires in {left.days:,} days, and {lifetime(role).days} are usual"
            hint = "whoever holds it back may do so as long; any new version of it lasts as usual"
            yield Finding("warning", "expiry", role, text, hint)
        if part >= WARN_BELOW:
            continue
        level: Level = "error" if part < FAIL_BELOW and not mild else "warning"
        when = "has expired" if left <= timedelta(0) else f"expires in {left.days} days"
        yield Finding(level, "expiry", role, f"{role} {when}, on {expires_at:%Y-%m-%d}", _renewal(role))


def _renewal(role: str) -> str:
    return (
        "tidegate refresh"
        if role in {"snapshot", "timestamp"}
        else "sign it anew: its keys' holders are needed"
    )
