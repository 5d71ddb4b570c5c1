"""What the collector keeps: plain structs, since they travel between processes and become lines of JSON."""

import msgspec


class Person(msgspec.Struct, frozen=True):
    """An enrolled agent, as far as verifying needs it."""

    key: str
    """Its public Ed25519 key, in hex."""
    channels: tuple[str, ...]
    token: str
    """The id of its token."""
    seq: int
    """The number of its enrolment; one that is older changes nothing any more."""


class Joined(msgspec.Struct, frozen=True):
    """An enrolment that holds by itself; whether its token had a use left is decided where all are seen."""

    agent: str
    seq: int
    key: str
    token: str
    uses: int
    channels: tuple[str, ...]
    ring: str | None
    labels: dict[str, str]
    cohort_id: str | None
    """The id whose place the agent takes instead of its own."""
    received: str


class Standing(msgspec.Struct, frozen=True):
    """What else than its id says where an agent stands."""

    ring: str | None = None
    cohort_id: str | None = None


class Placed(msgspec.Struct, frozen=True):
    """The wave of an agent from some time on."""

    agent: str
    channel: str
    """As ``product/channel``."""
    since: str
    wave: str | None


class Ordered(msgspec.Struct, frozen=True):
    """What a wave was ordered to run."""

    product: str
    channel: str
    wave: str
    rollout: str
    version: str
    opened: str
    """From when on its hosts could start, as reports write times."""


class Released(msgspec.Struct, frozen=True):
    """A version that was published once, live or retired."""

    product: str
    version: str


class Aside(msgspec.Struct, frozen=True):
    """A report, or a whole object, that is not counted."""

    name: str
    agent: str
    reason: str
    detail: str
    received: str
    number: int = 1
    """How many reports it stands for."""
    knew: str = ""
    """The agent's key, or who signs tokens, as it was known then; with another one it is read again."""


class Row(msgspec.Struct, frozen=True):
    """A report that is counted."""

    dt: str
    agent: str
    seq: int
    at: str
    received: str
    product: str
    channel: str
    said_wave: str | None
    rollout: str | None
    from_version: str | None
    to_version: str | None
    stage: str
    outcome: str
    reason: str
    detail: str
    running: str | None
    labels: str
    decision: str | None
    clock: str
    """``ahead`` or ``behind`` where the host's clock is: by more than an hour, by more than 14 days."""
    digest: str
    machine: str
    """Tells the machine from others of the same identity."""
    pin: str | None
    """In a heartbeat: the versions that the host keeps to, empty for any."""
    windows: str | None
    """In a heartbeat: when updates may start there, as JSON."""
