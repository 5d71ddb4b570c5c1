"""A plain world to ask the decision in, and strategies that make wild ones."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from msgspec import structs

from metadata.decide import decide
from metadata.documents import Brake, Order, Policy
from metadata.facts import Decision, Directed, Host, Releases
from metadata.release import Artifact, Release
from metadata.windows import Window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
VERSIONS = ("1.0.0", "1.2.0", "1.4.2", "1.4.3", "1.5.0", "1.6.0rc1", "2.0.0")
RANGES = ("<2", "<=1.5.0", ">=1.4,<1.5", "==1.5.0", "~=1.4.0", ">=1.0,<=2.0.0")
PLATFORM = "linux-x86_64"
ZONES = (UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia"))


HOST = Host("host-1", "agent", "stable", PLATFORM, running="1.4.2")
POLICY = Policy(product="agent", channel="stable", salt="00ff")
NO_BRAKE = Brake()


def digest(text: str) -> str:
    """Return a digest that stands for a document or a payload."""
    return sha256(text.encode()).hexdigest()


def release(version: str, seq: int, **changes: Any) -> Release:
    """Return a release document that one platform can install."""
    artifact = Artifact(
        platform=PLATFORM,
        path=f"releases/agent/{version}/{PLATFORM}.tar.zst",
        kind="tree",
        payload_sha256=digest(f"payload {version}"),
        payload_bytes=1000,
    )
    return Release(product="agent", version=version, seq=seq, artifacts=[artifact], **changes)


def listed(*found: Release) -> Releases:
    """Return what the releases role says when it lists these."""
    return Releases({one.version: digest(one.version) for one in found}, {one.version: one for one in found})


LIVE = listed(*(release(version, number) for number, version in enumerate(VERSIONS, start=1)))


def an_order(version: str, **changes: Any) -> Order:
    """Return a plain order that is due."""
    plain: dict[str, Any] = {"product": "agent", "wave": "full", "rollout": "stable-0001", "state": "go"}
    return Order(channel="stable", version=version, **{**plain, "not_before": NOON, **changes})


@dataclass(frozen=True)
class World:
    """Everything that ``decide`` is asked with; an update from 1.4.2 to 1.5.0 unless changed."""

    host: Host = HOST
    policy: Policy = POLICY
    order: Order = field(default_factory=lambda: an_order("1.5.0"))
    brake: Brake = NO_BRAKE
    releases: Releases = LIVE
    issued: datetime | None = NOON
    now: datetime = NOON

    def decide(self, now: datetime | None = None) -> Decision:
        """Return the decision, also for another moment (the repository is then fresh)."""
        directed = Directed(self.order, "full", digest(self.order.version))
        issued = self.issued if now is None else now
        return decide(self.host, self.policy, directed, self.brake, self.releases, issued, now or self.now)

    def having(self, **changes: Any) -> "World":
        """Return this world with other parts."""
        return replace(self, **changes)


def first_start(world: World, agent_id: str) -> datetime:
    """Return when an agent starts that asks again whenever it was told to wait."""
    here = world.having(host=structs.replace(world.host, agent_id=agent_id))
    now = world.now
    for _ in range(20):
        answer = here.decide(now)
        if answer.goes:
            return now
        assert answer.until is not None, answer
        assert answer.until > now, answer
        now = answer.until
    raise AssertionError(f"{agent_id} never starts")


moments = st.one_of(
    st.integers(-200_000, 200_000).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), NOON]),
)
zones: st.SearchStrategy[tzinfo] = st.sampled_from(ZONES)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Any window, of a minute or a day, on any days."""
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    opens = time(draw(st.integers(0, 23)), draw(st.integers(0, 59)))
    return Window(frozenset(days), opens, draw(st.integers(1, 24 * 60)))
