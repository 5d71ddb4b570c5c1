"""The life of an update: its states, and what is carried from one to the next.

The journal is written before each step, and each step can be repeated: whatever was interrupted, the
next tick finds the state, does the step again, and comes to the same end.
"""

import enum
from datetime import datetime
from typing import Literal

import msgspec

from metadata.release import Artifact, Release


class State(enum.StrEnum):
    """Where a product stands on this host."""

    IDLE = "IDLE"
    CHOSEN = "CHOSEN"
    FETCHED = "FETCHED"
    STAGED = "STAGED"
    SWITCHING = "SWITCHING"
    ON_TRIAL = "ON_TRIAL"
    ROLLING_BACK = "ROLLING_BACK"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"
    STRANDED = "STRANDED"


Blame = Literal["version", "environment", "damaged"]


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One update on its way, as the journal keeps it."""

    action: Literal["update", "recall", "rollback"]
    rule: str
    wave: str
    rollout: str
    release: Release
    sha256: str
    """Digest of the release document."""
    platform: str
    retry: int = 0
    """The order's ``retry``, noted with a quarantine."""
    before: str | None = None
    """The version that ran, and to which a failed trial goes back."""
    previous: str | None = None
    """The way back from ``before``, which a failed trial restores too."""
    stranded: bool = False
    """Whether it began where no version was known to run."""
    no_way_back: str = ""
    """Why ``before`` must not run again; empty when it may."""
    chosen_at: datetime
    baseline_ok: bool | None = None
    """Whether the product was healthy before the switch; None without one."""
    switch_attempts: int = 0
    trial_boot: str = ""
    trial_from_s: float = 0
    """Awake seconds of that boot when the trial began."""
    trials: int = 0
    """How often the trial was begun; a host that reboots for ever must come to an end."""
    failure: str = ""
    """Why it goes back: rule or error name."""
    detail: str = ""
    blame: Blame | None = None

    @property
    def version(self) -> str:
        """Where it goes."""
        return self.release.version

    @property
    def artifact(self) -> Artifact:
        """What this host installs; ``decide`` has made sure that there is one."""
        found = self.release.artifact_for(self.platform)
        if found is None:  # a journal from another machine, or an override that changed half-way
            raise LookupError(f"{self.version} has nothing for {self.platform}")
        return found


def changed(update: Update, **fields: object) -> Update:
    """Return the update with some fields replaced."""
    return msgspec.structs.replace(update, **fields)
