"""Reports: what an agent says about itself, signed by its own key and believed only as far as that.

An envelope is DSSE (https://github.com/secure-systems-lab/dsse); its payload is one ``Report``.
"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from metadata.fields import AgentId, Name, Part, Time

Stage = Literal[
    "update_download",
    "update_verify",
    "update_install",
    "update_healthcheck",
    "update_rollback",
    "soak",
    "refusal",
    "heartbeat",
    "enroll",
    "leave",
]
MAX_DETAIL = 2_000
"""Characters of a report's detail."""

Outcome = Literal["ok", "failed", "deferred"]


class Report(Part, frozen=True, kw_only=True, tag_field="format", tag="tidegate.report/1"):
    """One signed event."""

    title: ClassVar[str] = "report"

    agent: AgentId
    """Who speaks."""
    seq: Annotated[int, Meta(ge=1)]
    """Counts an agent's reports, without gaps."""
    at: Time
    """The host's clock."""
    product: Name
    channel: Name
    wave: str | None = None
    """The wave whose order it follows."""
    rollout: str | None = None
    """The rollout of that order."""
    from_version: str | None = msgspec.field(default=None, name="from")
    """The version that it leaves."""
    to_version: str | None = msgspec.field(default=None, name="to")
    """The version that it goes to."""
    stage: Stage
    """What was being done."""
    outcome: Outcome
    """How it went."""
    reason: str = ""
    """Rule or error name."""
    detail: str = ""
    """What happened, in words."""
    running: str | None = None
    """The version that runs as this is said; one on trial runs."""
    labels: dict[str, str] = {}
    """What the host's settings call it."""
    machine: Annotated[str, Meta(max_length=64)] = ""
    """Digest that tells two machines under one identity apart, and says nothing else about them."""
    clock: dict[str, Any] = {}
    """How the host's clock compares to signed times."""
    decision: dict[str, Any] | None = None
    """In a heartbeat: the decision that stands."""
    pin: str = ""
    """In a heartbeat: the versions that the host keeps to."""
    windows: list[str] = []
    """In a heartbeat: when updates may start there."""
    token: str = ""
    """In an enrolment: the registration token, as it was pasted."""
    cohort_id: AgentId | None = None
    """In an enrolment: the id whose place the agent takes instead of its own."""
    key: dict[str, Any] | None = None
    """In an enrolment: the agent's public key, with its `keyid`."""
