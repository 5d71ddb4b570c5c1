"""What the rules look at: the repository as it is, and as it will be."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from metadata.documents import Brake, Order, Policy
from metadata.errors import MalformedError, TidegateError, UnsuitableError, UntrustedError
from metadata.release import Release
from repo_tools.checks.documents import documents_of
from repo_tools.checks.mirrors import Mirror, read_mirrors
from repo_tools.checks.restored import restored
from repo_tools.checks.seen import Damage, Seen, unreadable
from repo_tools.desk import Desk
from repo_tools.fleet import enrolment
from repo_tools.roles import BRAKE, ENROLLMENT_PATH, FLEET, TOP_LEVEL
from repo_tools.rollouts.state import State, order_in, read_brake, read_policy, read_state
from repo_tools.signed.reading import issued
from repo_tools.signed.restoring import orphans
from repo_tools.signed.views import Delegation, View

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    level: Level
    rule: str
    role: str
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Facts:
    """The repository before and after a publication."""

    now: datetime
    before: Mapping[str, View]
    """Every live role but snapshot and timestamp."""
    after: Mapping[str, View]
    staged: frozenset[str]
    versions: Mapping[str, int]
    """The live versions."""
    listed_before: frozenset[str]
    """The roles in the live snapshot."""
    listed_after: frozenset[str]
    expiries: Mapping[str, datetime]
    """Of every role as it will be; those that publishing renews anyway are left out."""
    channels: Sequence[State]
    mirrors: Sequence[Mirror] = ()
    """What each mirror serves."""
    issued: datetime | None = None
    """When the live timestamp was signed."""
    publishing: bool = False
    """A publication follows, which signs snapshot and timestamp anew."""
    brakes: Mapping[str, Brake] = field(default_factory=dict)
    """What is live of brakes that are staged, by role."""
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """What is live of policies that are staged, by role."""
    documents: Mapping[str, Mapping[str, Release]] = field(default_factory=dict)
    """By releases role and version: documents that are new, or all where everything was looked at."""
    seen: Seen = field(default_factory=Seen)
    unread: Sequence[Damage] = ()
    """What could not be read, where everything was looked at."""
    enrolling: Mapping[str, str] = field(default_factory=dict)
    """Names of the keys that may sign registration tokens, by key id."""
    orphans: Sequence[str] = ()
    """Published roles that the staged ones make unreadable."""
    restored: frozenset[str] = frozenset()
    """Staged roles that other keys sign, and that list what an older version did, which is recovered."""

    @property
    def stolen(self) -> dict[str, str]:
        """Names of the keys that were called stolen, by key id."""
        return {keyid: name for view in self.after.values() for keyid, name in view.revoked.items()}

    def delegations(self) -> Iterator[Delegation]:
        """Yield every delegation as it will be."""
        for _, found in self.delegated():
            yield found

    def delegated(self) -> Iterator[tuple[str, Delegation]]:
        """Yield every delegation as it will be, with the role in which it stands."""
        for role, view in self.after.items():
            yield from ((role, found) for found in view.delegations.values())

    def orders(self, state: State) -> Iterator[tuple[str, str, Order]]:
        """Yield role, version's digest and order of each wave of a channel that has one."""
        for wave in state.waves:
            if wave.order and wave.document:
                yield state.channel.below(wave.name), wave.document.sha256, wave.order

    def known(self, role: str) -> Order | None:
        """Return the order that is live in a role; None where there is none."""
        entries = self.before[role].entries.values() if role in self.before else ()
        return next((order_in(entry) for entry in entries), None)


def gather(desk: Desk, *, publishing: bool, seen: Seen | None = None) -> Facts:
    """Read everything that the rules need.

    Args:
        desk: The workspace.
        publishing: A publication follows, which signs snapshot and timestamp anew.
        seen: What was found by looking at everything, where somebody did.
    """
    seen, unread = seen or Seen(), list[Damage]()
    tree, live = desk.tree, desk.live
    roles = ["root", "targets", *_delegated(desk)]
    before = {role: found for role in roles if live.version(role) and (found := tree.live_view(role))}
    after = {role: found for role in roles if (found := tree.find(role))}
    staged = frozenset(tree.staged())
    return Facts(
        now=desk.now,
        before=before,
        after=after,
        staged=staged,
        versions=_versions(desk, {*roles, *staged}),
        listed_before=frozenset(live.meta),
        listed_after=frozenset({*live.meta, *staged} - {"root"}),
        expiries=_expiries(desk, after, publishing=publishing),
        channels=list(_channels(desk, seen, unread)),
        documents=documents_of(desk, before, after, seen, unread) if publishing or seen.everything else {},
        seen=seen,
        unread=unread,
        brakes=_brakes(desk),
        policies=_policies(desk),
        enrolling=_enrolling(desk, seen, unread),
        orphans=orphans(tree),
        restored=restored(desk),
        mirrors=read_mirrors(desk, deep=seen.everything),
        issued=_issued(desk),
        publishing=publishing,
    )


def _expiries(desk: Desk, after: Mapping[str, View], *, publishing: bool) -> dict[str, datetime]:
    live, found = desk.live, {role: view.expires_at for role, view in after.items()}
    if publishing or not live.timestamp or not live.snapshot:
        return found
    return {**found, "timestamp": live.timestamp.expires, "snapshot": live.snapshot.expires}


def _channels(desk: Desk, seen: Seen, unread: list[Damage]) -> Iterator[State]:
    """Yield the channels; where everything is looked at, what cannot be read does not hide the rest."""
    for channel in desk.channels():
        try:
            yield read_state(desk, channel)
        except (MalformedError, UntrustedError, UnsuitableError) as error:
            if not seen.everything:
                raise
            if not any(seen.gone.get(role) for role in (channel.role, channel.below(BRAKE))):
                unread.append(unreadable(channel.role, error))


def _enrolling(desk: Desk, seen: Seen, unread: list[Damage]) -> dict[str, str]:
    if desk.tree.find(FLEET) is None or ENROLLMENT_PATH in seen.gone.get(FLEET, ()):
        return {}
    try:
        return {keyid: key.name for keyid, key in enrolment.signers(enrolment.read(desk)).items()}
    except (MalformedError, UntrustedError) as error:
        if not seen.everything:
            raise
        unread.append(unreadable(FLEET, error))
        return {}


def _delegated(desk: Desk) -> list[str]:
    found: list[str] = []
    for role in desk.tree.view("targets").delegations:
        below = desk.tree.find(role)
        found += [role, *(below.delegations if below else ())]
    return [role for role in found if role not in TOP_LEVEL]


def _versions(desk: Desk, roles: Iterable[str]) -> dict[str, int]:
    live = desk.live
    online = {"timestamp": live.timestamp, "snapshot": live.snapshot}
    known = {role: found.version for role, found in online.items() if found}
    return {**{role: live.version(role) for role in roles}, **known}


def _brakes(desk: Desk) -> dict[str, Brake]:
    staged, bare = desk.tree.staged(), desk.published()
    channels = [channel for channel in desk.channels() if channel.below(BRAKE) in staged]
    return {channel.below(BRAKE): read_brake(bare, channel) for channel in channels}


def _policies(desk: Desk) -> dict[str, Policy]:
    bare, staged = desk.published(), {*desk.tree.staged()}
    channels = [one for one in desk.channels() if one.role in staged and desk.live.version(one.role)]
    found = {}
    for channel in channels:
        with contextlib.suppress(TidegateError):  # what nobody can read allows and forbids nothing
            found[channel.role] = read_policy(bare, channel)
    return found


def _issued(desk: Desk) -> datetime | None:
    return issued(desk.live.timestamp) if desk.live.timestamp else None
